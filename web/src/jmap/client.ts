// HTTP of JMAP (RFC 8620, sections 2, 3 and 6): session, requests, blobs. Knows nothing of caches.
import type { Id, Invocation, Session } from './types.ts'

/** The server cannot be reached, or is busy: the same request may work later. */
export class Unreachable extends Error {}
/** Nobody is logged in, or the session was ended. */
export class LoggedOut extends Error {}
/** The server understood and refused. */
export class Refused extends Error {
  constructor(
    readonly type: string,
    readonly detail: string,
  ) {
    super(`${type}: ${detail}`)
  }
}

export type Fetch = (input: string, init?: RequestInit) => Promise<Response>

export interface Login {
  login: string
  name: string
  addresses: string[]
  account: string
  language: string
  csrf: string | null
  isAdministrator: boolean
  [more: string]: unknown
}

export class JmapClient {
  session: Session | null = null
  login: Login | null = null
  readonly #fetch: Fetch

  constructor(fetch: Fetch = globalThis.fetch.bind(globalThis)) {
    this.#fetch = fetch
  }

  /** Who we are, and the session object. */
  async connect(): Promise<Session> {
    this.login = (await this.#json('/auth/session')) as Login
    this.session = (await this.#json('/jmap/session')) as Session
    return this.session
  }

  /** The session anew. */
  async renew(): Promise<void> {
    this.session = (await this.#json('/jmap/session')) as Session
  }

  async request(calls: Invocation[]): Promise<Invocation[]> {
    const session = this.session
    if (!session) throw new Unreachable('no session yet')
    const body = JSON.stringify({ using: Object.keys(session.capabilities), methodCalls: calls })
    const answer = (await this.#json(path(session.apiUrl), {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...this.csrf() },
      body,
    })) as { methodResponses: Invocation[]; sessionState: string }
    if (answer.sessionState !== session.state) this.session = (await this.#json('/jmap/session')) as Session
    return answer.methodResponses
  }

  /** One call, its answer or the error it met. */
  async call(name: string, args: Record<string, unknown>): Promise<Record<string, unknown>> {
    const [answer] = await this.request([[name, args, '0']])
    return result(answer)
  }

  csrf(): Record<string, string> {
    return this.login?.csrf ? { 'x-beffroi-csrf': this.login.csrf } : {}
  }

  uploadPath(account: Id): string {
    return path(this.session?.uploadUrl ?? '').replace('{accountId}', encodeURIComponent(account))
  }

  async upload(account: Id, blob: Blob): Promise<{ blobId: Id; size: number; type: string }> {
    const headers = { 'content-type': blob.type || 'application/octet-stream', ...this.csrf() }
    const answer = await this.#json(this.uploadPath(account), { method: 'POST', headers, body: blob })
    return answer as { blobId: Id; size: number; type: string }
  }

  async blob(account: Id, blobId: Id, type: string, name: string): Promise<Blob> {
    const answer = await this.#ask(downloadPath(this.session, account, blobId, type, name))
    return answer.blob()
  }

  async #json(url: string, init?: RequestInit): Promise<unknown> {
    const answer = await this.#ask(url, init)
    return answer.json()
  }

  async #ask(url: string, init?: RequestInit): Promise<Response> {
    let answer: Response
    try {
      answer = await this.#fetch(url, { credentials: 'same-origin', ...init })
    } catch (error) {
      throw new Unreachable(String(error))
    }
    if (answer.ok) return answer
    const problem = (await answer.json().catch(() => ({}))) as { type?: string; detail?: string; field?: string }
    if (answer.status === 401) throw new LoggedOut(problem.detail ?? '')
    if (answer.status >= 500 || answer.status === 429) throw new Unreachable(problem.detail ?? String(answer.status))
    throw new Refused(problem.field ?? problem.type ?? String(answer.status), problem.detail ?? '')
  }
}

/** The arguments of a method's answer; an `error` is thrown. */
export function result(answer: Invocation | undefined): Record<string, unknown> {
  if (!answer) throw new Refused('serverFail', 'no answer')
  const [name, args] = answer
  if (name !== 'error') return args
  const type = String(args['type'])
  if (type === 'serverUnavailable') throw new Unreachable(type)
  throw new Refused(type, String(args['description'] ?? ''))
}

/** Addresses of the session may be absolute: only their path counts, since nothing leaves this site. */
export function path(url: string): string {
  const match = /^https?:\/\/[^/]+(\/.*)$/.exec(url)
  return match?.[1] ?? url
}

export function downloadPath(session: Session | null, account: Id, blobId: Id, type: string, name: string): string {
  return path(session?.downloadUrl ?? '/jmap/download/{accountId}/{blobId}/{name}?accept={type}')
    .replace('{accountId}', encodeURIComponent(account))
    .replace('{blobId}', encodeURIComponent(blobId))
    .replace('{name}', encodeURIComponent(name || 'file'))
    .replace('{type}', encodeURIComponent(type))
}
