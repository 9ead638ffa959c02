// The engine in a worker: shared by all tabs where the browser knows shared workers, else one a tab.
import { JmapClient, LoggedOut, Refused, Unreachable } from '../jmap/client.ts'
import { Engine, type Surroundings, type Tell } from './engine.ts'
import type { Answer, Question, Told } from './protocol.ts'
import { keepSetting, setting } from './settings.ts'

/** A tab: a port of a shared worker, or the scope of one's own. */
interface Port {
  postMessage: (message: unknown) => void
  onmessage: ((event: MessageEvent) => void) | null
}

const ports = new Set<Port>()
const channel = new BroadcastChannel('beffroi-engine')

const tell: Tell = (event, data) => {
  for (const port of ports) port.postMessage({ event, data } as Told)
}

const around: Surroundings = {
  now: () => Date.now(),
  exclusive: async (work) => {
    await navigator.locks.request('beffroi-replay', work)
    channel.postMessage('changed')
  },
  eventSource: (url) => new EventSource(url),
  lastAccount: {
    get: async () => (await setting<string>('account')) ?? null,
    set: (account) => keepSetting('account', account),
  },
  upload: (path, headers, blob, progress) =>
    new Promise((resolve, reject) => {
      const request = new XMLHttpRequest()
      request.open('POST', path)
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value)
      request.upload.onprogress = (event) => progress(event.loaded)
      request.onerror = () => reject(new Unreachable('upload'))
      request.onload = () => {
        if (request.status < 300) resolve(JSON.parse(request.responseText) as { blobId: string })
        else if (request.status >= 500) reject(new Unreachable(String(request.status)))
        else reject(new Refused(String(request.status), request.responseText))
      }
      request.send(blob)
    }),
}

const engine = new Engine(new JmapClient(), tell, around)

function kindOf(error: unknown): Answer['error'] {
  if (error instanceof LoggedOut) return { kind: 'loggedOut', type: 'loggedOut', detail: '' }
  if (error instanceof Unreachable) return { kind: 'unreachable', type: 'unreachable', detail: error.message }
  if (error instanceof Refused) return { kind: 'refused', type: error.type, detail: error.detail }
  return { kind: 'client', type: 'client', detail: String(error) }
}

async function answer(port: Port, question: Question): Promise<void> {
  const { id, name, args } = question
  try {
    const method = engine[name] as (...args: unknown[]) => Promise<unknown>
    port.postMessage({ id, value: await method.apply(engine, args) } satisfies Answer)
  } catch (error) {
    port.postMessage({ id, error: kindOf(error) } as Answer)
  }
}

function welcome(port: Port): void {
  ports.add(port)
  port.onmessage = (event: MessageEvent<Question | 'bye'>) => {
    if (event.data === 'bye') ports.delete(port)
    else void answer(port, event.data)
  }
}

const scope = globalThis as unknown as Port & { onconnect?: ((event: MessageEvent) => void) | null }
if ('onconnect' in scope) {
  scope.onconnect = (event) => {
    const port = event.ports[0]
    if (port) welcome(port)
  }
} else {
  welcome(scope)
  // Another tab has an engine of its own: what it changed is asked for.
  channel.onmessage = () => void engine.connect()
}
