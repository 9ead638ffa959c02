// `BEFFROI=fixtures npx vite` shows the client over the server of the unit tests, with sample mail: for work on the looks.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Connect, Plugin } from 'vite'
import { TestServer } from '../src/testing/server.ts'

export function fixtures(): Plugin {
  const server = new TestServer(2_000)
  const use = (middlewares: Connect.Server) => void middlewares.use((request, response, next) => void answer(server, request, response, next))
  return {
    name: 'fixtures',
    configureServer: ({ middlewares }) => use(middlewares),
    configurePreviewServer: ({ middlewares }) => use(middlewares),
  }
}

async function answer(server: TestServer, request: IncomingMessage, response: ServerResponse, next: Connect.NextFunction): Promise<void> {
  const url = request.url ?? '/'
  if (!/^\/(auth|jmap)\//.test(url)) return next()
  if (url.startsWith('/jmap/eventsource')) {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(': here\n\n')
    return
  }
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const reply = await server.fetch(url, { method: request.method ?? 'GET', body: Buffer.concat(chunks).toString() })
  response.writeHead(reply.status, { 'content-type': 'application/json' })
  response.end(await reply.text())
}
