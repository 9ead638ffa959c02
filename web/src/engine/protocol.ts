// What pages and the engine say to each other. Plain data only: it crosses from thread to thread.
import type { Login } from '../jmap/client.ts'
import type { Comparator, Filter, Id, Invocation, JmapObject, Patch, Session } from '../jmap/types.ts'

export interface QuerySpec {
  account: Id
  filter: Filter | null
  sort: Comparator[]
  collapseThreads: boolean
}

/** A part of a list: `ids[i]` stands at `from + i`; holes are not loaded yet. */
export interface QueryView {
  total: number
  from: number
  ids: (Id | null)[]
  /** It came from the cache, and the server has not been asked yet. */
  stale: boolean
}

export type Phase = 'starting' | 'ready' | 'loggedOut'

export interface Status {
  phase: Phase
  online: boolean
  /** Changes that wait for the server. */
  waiting: number
  session: Session | null
  login: Login | null
}

export interface Failure {
  type: string
  detail: string
  label: string
}

export interface Progress {
  local: string
  sent: number
  total: number
}

export interface Events {
  status: Status
  query: { key: string; view: QueryView }
  /** Objects that changed; `null` is gone. */
  objects: { account: Id; type: string; objects: Record<Id, JmapObject | null> }
  /** A local id has become one of the server. */
  named: { local: string; id: Id }
  failed: Failure
  progress: Progress
  /** Messages that arrived while the client was open. */
  arrived: { account: Id; ids: Id[] }
}

export interface Change {
  account: Id
  type: string
  update?: Record<Id, Patch>
  create?: Record<string, Record<string, unknown>>
  destroy?: Id[]
  label?: string
}

export interface Sending {
  account: Id
  /** The local id of the submission, to take it back. */
  local: string
  email: Record<string, unknown>
  /** The draft that it replaces. */
  draft: Id | null
  identity: Id
  envelope: { mailFrom: { email: string; parameters: Record<string, string> | null }; rcptTo: { email: string }[] }
  sent: Id | null
  drafts: Id | null
  messageId: string
  /** Milliseconds to keep it here before it is handed over; the server holds it when it can. */
  delay: number
  /** Extra patches on success: the answered message becomes $answered. */
  also?: Record<Id, Patch>
}

export interface Calls {
  start(): Promise<Status>
  connect(): Promise<Status>
  watch(key: string, spec: QuerySpec, from: number, count: number): Promise<QueryView>
  unwatch(key: string): Promise<void>
  every(spec: QuerySpec): Promise<Id[]>
  get(account: Id, type: string, ids: Id[] | null, properties: string[] | null): Promise<JmapObject[]>
  change(change: Change): Promise<Record<Id, Patch>>
  send(sending: Sending): Promise<void>
  unsend(sending: Pick<Sending, 'local' | 'sent' | 'drafts'>): Promise<boolean>
  attach(local: string, account: Id, blob: Blob, name: string): Promise<void>
  call(name: string, args: Record<string, unknown>): Promise<Record<string, unknown>>
  request(calls: Invocation[]): Promise<Invocation[]>
  logout(): Promise<void>
}

export type Question = { id: number; name: keyof Calls; args: unknown[] }
export type Answer = { id: number; value?: unknown; error?: { kind: string; type: string; detail: string } }
export type Told = { [Name in keyof Events]: { event: Name; data: Events[Name] } }[keyof Events]
