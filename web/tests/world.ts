// The built client, served with the policies of the server, over the JMAP server of the unit tests; and a browser.
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { TestServer } from '../src/testing/server.ts'

const DIST = fileURLToPath(new URL('../dist', import.meta.url))
const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.webmanifest': 'application/manifest+json' }
const PAGE = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; frame-src 'self' blob:; base-uri 'none'"
const FRAME = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data: blob:"

export class World {
  private constructor(
    readonly server: TestServer,
    readonly address: string,
    private readonly http: Server,
    private readonly browser: Browser,
  ) {}

  static async open(emails: number): Promise<World> {
    const server = new TestServer(emails)
    const http = createServer((request, response) => void serve(server, request, response))
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    const { port } = http.address() as AddressInfo
    const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
    return new World(server, `http://127.0.0.1:${port}`, http, browser)
  }

  /** A browser of somebody, with what they chose. */
  context(preferences: Record<string, unknown> = {}, size = { width: 1440, height: 900 }): Promise<BrowserContext> {
    return this.browser.newContext({ viewport: size, locale: 'fr-FR', serviceWorkers: 'block' }).then(async (context) => {
      const chosen = { language: 'fr', theme: 'light', density: 'comfortable', ...preferences }
      await context.addInitScript((value) => localStorage.setItem('beffroi-preferences', JSON.stringify(value)), chosen)
      return context
    })
  }

  async page(context: BrowserContext, path = '/mail'): Promise<Page> {
    const page = await context.newPage()
    await page.goto(this.address + path)
    return page
  }

  async close(): Promise<void> {
    await this.browser.close()
    this.http.closeAllConnections()
    await new Promise((resolve) => this.http.close(resolve))
  }
}

async function serve(server: TestServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? '/').split('?')[0] ?? '/'
  if (path.startsWith('/jmap/eventsource')) {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(': here\n\n')
  } else if (/^\/(auth|jmap)\//.test(path)) {
    if (!server.reachable) return void request.socket.destroy()
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const answer = await server.fetch(path, { method: request.method ?? 'GET', body: Buffer.concat(chunks).toString() })
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text())
  } else {
    const file = extname(path) ? path : '/index.html'
    const bytes = await readFile(join(DIST, file)).catch(() => null)
    const policy = /^\/(reader|editor)\.html$/.test(file) ? FRAME : PAGE
    response.writeHead(bytes ? 200 : 404, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream', 'content-security-policy': policy }).end(bytes)
  }
}
