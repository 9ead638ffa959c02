// The ordered log of local changes. Each is sent in turn; what the server refuses is dropped and told, what it cannot take
// now stays. Changes are patches: two devices that touch different properties of one message both win, and for the
// same property the later one does. What is gone on the server is gone: its changes are dropped in silence.
import { LoggedOut, Refused, result, Unreachable, type JmapClient } from '../jmap/client.ts'
import type { Id, Invocation, JmapObject, SetError, SetResponse } from '../jmap/types.ts'
import type { Database, Entry } from './database.ts'
import type { Failure } from './protocol.ts'

export const isLocal = (id: unknown): id is string => typeof id === 'string' && id.startsWith('local-')

/** Errors of single objects that need not be told: somebody else was first. */
const QUIET = new Set(['notFound', 'willDestroy', 'alreadyExists'])

export interface Outcome {
  entry: Entry
  /** What became of each call, to lay over the objects; empty when it was dropped. */
  done: { name: string; args: Record<string, unknown>; answer: SetResponse }[]
  failures: Failure[]
}

export class Log {
  entries: Entry[] = []
  readonly names = new Map<string, Id>()
  readonly #database: Database
  readonly #client: JmapClient

  constructor(database: Database, client: JmapClient) {
    this.#database = database
    this.#client = client
  }

  async load(): Promise<void> {
    this.entries = await this.#database.getAll('log')
    for (const row of await this.#database.getAll('ids')) this.names.set(row.local, row.id)
  }

  async append(entry: Entry): Promise<Entry> {
    const kept = { ...entry, seq: await this.#database.add('log', entry) }
    this.entries = [...this.entries, kept]
    return kept
  }

  async drop(seq: number | undefined): Promise<void> {
    if (seq === undefined) return
    await this.#database.delete('log', seq)
    this.entries = this.entries.filter((entry) => entry.seq !== seq)
  }

  /** The first that may be sent; later ones may overtake only what waits for its time. */
  next(now: number): Entry | undefined {
    return this.entries.find((entry) => (entry.notBefore ?? 0) <= now)
  }

  /** When the next one that waits for its time may be sent. */
  wakeAt(): number | undefined {
    const times = this.entries.map((entry) => entry.notBefore ?? 0)
    return times.length ? Math.min(...times) : undefined
  }

  /** Sends one. Throws `Unreachable` or `LoggedOut` when it has to stay. */
  async send(entry: Entry): Promise<Outcome> {
    const failures: Failure[] = []
    const done: Outcome['done'] = []
    const label = entry.label ?? ''
    try {
      await this.#uploads(entry)
      const already = entry.tried && entry.messageId ? await this.#arrived(entry) : false
      if (!already) {
        await this.#mark(entry)
        const answers = await this.#client.request(this.#calls(entry))
        for (const [index, call] of entry.calls.entries()) {
          const answer = answers.find((one) => one[2] === call[2]) ?? answers[index]
          const response = result(answer) as unknown as SetResponse
          done.push({ name: call[0], args: call[1], answer: response })
          await this.#learn(response)
          failures.push(...refusals(response, label))
        }
      }
    } catch (error) {
      if (error instanceof Unreachable || error instanceof LoggedOut) throw error
      failures.push(error instanceof Refused ? { type: error.type, detail: error.detail, label } : { type: 'client', detail: String(error), label })
    }
    await this.drop(entry.seq)
    return { entry, done, failures }
  }

  /** Ids given here, as the server knows them. */
  resolve(id: Id): Id {
    return this.names.get(id) ?? id
  }

  async #mark(entry: Entry): Promise<void> {
    entry.tried = true
    if (entry.seq !== undefined) await this.#database.put('log', entry)
  }

  async #learn(response: SetResponse): Promise<void> {
    for (const [local, object] of Object.entries(response.created ?? {})) {
      if (!isLocal(local)) continue
      this.names.set(local, object.id)
      await this.#database.put('ids', { local, id: object.id })
    }
  }

  /** Whether a message whose answer was lost is on the server. */
  async #arrived(entry: Entry): Promise<boolean> {
    const filter = { header: ['Message-ID', entry.messageId], notKeyword: '$draft' }
    const answer = await this.#client.call('Email/query', { accountId: entry.account, filter, limit: 1 })
    return ((answer['ids'] ?? []) as Id[]).length > 0
  }

  /** Attachments that wait here are handed over first. */
  async #uploads(entry: Entry): Promise<void> {
    for (const local of blobsOf(entry.calls)) {
      if (this.names.has(local)) continue
      const row = await this.#database.get('blobs', local)
      if (!row) throw new Refused('blobNotFound', row ?? local)
      const answer = await this.#client.upload(entry.account, row.blob)
      this.names.set(local, answer.blobId)
      await this.#database.put('ids', { local, id: answer.blobId })
      await this.#database.delete('blobs', local)
    }
  }

  #calls(entry: Entry): Invocation[] {
    const made = new Set<string>()
    for (const [, args] of entry.calls) for (const id of Object.keys((args['create'] ?? {}) as object)) made.add(id)
    const replace = (value: unknown, isKeyOfCreate = false): unknown => {
      if (isLocal(value)) return this.names.get(value) ?? (made.has(value) && !isKeyOfCreate ? `#${value}` : value)
      if (Array.isArray(value)) return value.map((one) => replace(one))
      if (typeof value !== 'object' || value === null) return value
      return Object.fromEntries(Object.entries(value).map(([name, inner]) => [replaceName(name), replace(inner)]))
    }
    const replaceName = (name: string): string => {
      const head = name.startsWith('mailboxIds/') ? 'mailboxIds/' : ''
      const rest = name.slice(head.length)
      return isLocal(rest) ? head + (this.names.get(rest) ?? rest) : name
    }
    return entry.calls.map(([name, args, id]) => {
      const { create, ...others } = args
      const next = replace(others) as Record<string, unknown>
      if (create) next['create'] = Object.fromEntries(Object.entries(create).map(([local, object]) => [local, replace(object)]))
      return [name, next, id]
    })
  }
}

function refusals(response: SetResponse, label: string): Failure[] {
  const maps = [response.notCreated, response.notUpdated, response.notDestroyed]
  const errors: SetError[] = maps.flatMap((map) => Object.values(map ?? {}))
  return errors.filter((error) => !QUIET.has(error.type)).map((error) => ({ type: error.type, detail: error.description ?? '', label }))
}

/** Local ids of blobs in what is to be created. */
function blobsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(blobsOf)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value as JmapObject).flatMap(([name, inner]) => (name === 'blobId' && isLocal(inner) ? [inner] : blobsOf(inner)))
}
