// The page's end of the engine: calls with answers, events, and the state that everybody shows.
import type { Answer, Calls, Events, Question, Status, Told } from '../engine/protocol.ts'

export class EngineError extends Error {
  constructor(
    readonly kind: string,
    readonly type: string,
    readonly detail: string,
  ) {
    super(`${kind}: ${type} ${detail}`)
  }
}

type Port = Pick<MessagePort, 'postMessage'> & { onmessage: ((event: MessageEvent) => void) | null }
type Listener<Name extends keyof Events> = (data: Events[Name]) => void

let port: Port | null = null
let next = 1
const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: unknown) => void }>()
const listeners = new Map<keyof Events, Set<(data: never) => void>>()

export const status: Status = $state({ phase: 'starting', online: true, waiting: 0, session: null, login: null })

function opened(): Port {
  if (port) return port
  if (typeof SharedWorker === 'function') {
    const shared = new SharedWorker(new URL('../engine/worker.ts', import.meta.url), { type: 'module', name: 'beffroi' })
    port = shared.port
    addEventListener('pagehide', () => port?.postMessage('bye'))
  } else {
    port = new Worker(new URL('../engine/worker.ts', import.meta.url), { type: 'module' })
  }
  port.onmessage = (event: MessageEvent<Answer | Told>) => heard(event.data)
  return port
}

function heard(message: Answer | Told): void {
  if ('event' in message) {
    for (const listener of listeners.get(message.event) ?? []) (listener as (data: unknown) => void)(message.data)
    return
  }
  const one = waiting.get(message.id)
  waiting.delete(message.id)
  if (message.error) one?.reject(new EngineError(message.error.kind, message.error.type, message.error.detail))
  else one?.resolve(message.value)
}

export function on<Name extends keyof Events>(event: Name, listener: Listener<Name>): () => void {
  const set = listeners.get(event) ?? new Set()
  listeners.set(event, set)
  set.add(listener)
  return () => set.delete(listener)
}

function ask(name: keyof Calls, args: unknown[]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const id = next++
    waiting.set(id, { resolve, reject })
    opened().postMessage({ id, name, args } satisfies Question)
  })
}

/** The engine's methods, answered from its thread. */
export const engine = new Proxy({} as Calls, {
  get: (_, name) => (...args: unknown[]) => ask(name as keyof Calls, args.map((arg) => (arg instanceof Blob ? arg : $state.snapshot(arg)))),
})

on('status', (data) => Object.assign(status, data))

export async function begin(): Promise<void> {
  Object.assign(status, await engine.start())
}
