// What was removed, what arrived lately, and images of earlier moments. Nothing of it is kept in this browser: it is asked of
// the server, in pages, where one looks.
import { SvelteMap } from 'svelte/reactivity'
import type { Image, RemovedEmail, RemovedEmailFilter, RemovedMailbox } from '../jmap/types.generated'
import { Refused, result } from '../jmap/client.ts'
import { HISTORY, type Email, type Filter, type Id, type JmapObject, type Mailbox, type SetError } from '../jmap/types.ts'
import { DIRECTORY } from './audit.ts'
import { engine, EngineError, status } from './client.svelte.ts'

export type { Image, RemovedEmail, RemovedEmailFilter, RemovedMailbox }

/** What the restore of an image did, or would do. */
export interface Report {
  mailboxesRestored: number
  mailboxesChanged: number
  mailboxesRemoved: number
  emailsRestored: number
  emailsChanged: number
  emailsRemoved: number
  size: number
}

/** What is brought back: an image, a mailbox of it, or messages; and how. */
export interface Restore {
  account: Id
  imageId: Id
  mailboxId?: Id
  emailIds?: Id[]
  mode: 'copy' | 'missing' | 'replace'
  targetId?: Id | null
}

type Args = Record<string, unknown>

/** Messages that are named in one request, well below what the server takes. */
const AT_ONCE = 400
/** Ids of one page of a query. */
const BLOCK = 4_096
const ROW = ['threadId', 'keywords', 'size', 'receivedAt', 'from', 'subject', 'hasAttachment', 'preview', 'blobId', 'mailboxIds']

async function ask(name: string, args: Args): Promise<Args> {
  const [answer] = await engine.request([[name, args, '0']])
  return result(answer)
}

/** Whether the server refused, rather than could not be reached. */
export const isRefused = (error: unknown): boolean => error instanceof Refused || (error instanceof EngineError && error.kind === 'refused')

function* chunks<T>(all: T[], size: number): Generator<T[]> {
  for (let at = 0; at < all.length; at += size) yield all.slice(at, at + size)
}

/** Where a list comes from. */
interface Source<Row> {
  query: (position: number, limit: number) => Promise<{ ids: Id[]; total: number }>
  get: (ids: Id[]) => Promise<Row[]>
}

/** A list of any length: ids and rows are loaded where one looks. */
export class PagedList<Row extends { id: Id }> {
  total = $state(0)
  phase: 'loading' | 'there' | 'broken' = $state('loading')
  #ids: (Id | undefined)[] = $state.raw([])
  readonly #rows = new SvelteMap<Id, Row>()
  readonly #asked = new Set<Id>()
  #round = 0
  #range: [number, number] = [0, 40]

  constructor(readonly source: Source<Row>) {
    void this.refresh()
  }

  at(index: number): Id | undefined {
    return this.#ids[index]
  }

  indexOf(id: Id): number {
    return this.#ids.indexOf(id)
  }

  row(id: Id): Row | undefined {
    return this.#rows.get(id)
  }

  between(from: number, to: number): Id[] {
    return this.#ids.slice(from, to).filter((id) => id !== undefined)
  }

  /** Begins anew; what is shown stays until the answer is there. */
  async refresh(): Promise<void> {
    const round = ++this.#round
    try {
      await this.#block(0, round)
      if (round !== this.#round) return
      this.phase = 'there'
      this.see(...this.#range)
    } catch {
      if (round === this.#round) this.phase = 'broken'
    }
  }

  /** What is in sight. */
  see(first: number, last: number): void {
    this.#range = [first, last]
    this.look(first, last)
  }

  /** Rows that may be out of sight. */
  look(first: number, last = first): void {
    if (this.phase === 'there') void this.#load(first, last, this.#round).catch(() => undefined)
  }

  /** All ids. */
  async every(): Promise<Id[]> {
    const round = this.#round
    for (let hole = this.#hole(0); hole >= 0 && round === this.#round; hole = this.#hole(hole)) {
      await this.#block(hole, round)
      // A list that became shorter meanwhile.
      if (this.#ids[hole] === undefined) break
    }
    return this.between(0, this.total)
  }

  /** These are in it no more. */
  drop(ids: Id[]): void {
    const gone = new Set(ids)
    this.#ids = this.#ids.filter((id) => id === undefined || !gone.has(id))
    this.total = this.#ids.length
  }

  #hole(from: number): number {
    for (let at = from; at < this.total; at++) if (this.#ids[at] === undefined) return at
    return -1
  }

  async #block(position: number, round: number): Promise<void> {
    const { ids, total } = await this.source.query(position, BLOCK)
    if (round !== this.#round) return
    const next: (Id | undefined)[] = position === 0 ? [] : [...this.#ids]
    next.length = total
    for (const [at, id] of ids.entries()) next[position + at] = id
    this.#ids = next
    this.total = total
  }

  async #load(first: number, last: number, round: number): Promise<void> {
    for (let at = first; at <= Math.min(last, this.total - 1); at++) {
      if (this.#ids[at] === undefined) {
        await this.#block(at, round)
        break
      }
    }
    const wanted = this.between(first, last + 1).filter((id) => !this.#rows.has(id) && !this.#asked.has(id))
    if (wanted.length === 0 || round !== this.#round) return
    for (const id of wanted) this.#asked.add(id)
    try {
      for (const row of await this.source.get(wanted)) this.#rows.set(row.id, row)
    } finally {
      for (const id of wanted) this.#asked.delete(id)
    }
  }
}

// What was removed

/** Whether the caller may remove for good what was removed, somewhere at least. */
export async function mayPurge(): Promise<boolean> {
  const directory = status.session?.primaryAccounts[DIRECTORY]
  if (!directory || !status.login?.isAdministrator) return false
  const { list } = (await ask('Organisation/get', { accountId: directory, ids: null, properties: ['myRights'] })) as unknown as { list: { myRights: string[] }[] }
  return list.some((one) => one.myRights.includes('history.purge'))
}

/** Messages that can be brought back, the newest removal first. */
export function removedEmails(account: Id, filter: RemovedEmailFilter): PagedList<RemovedEmail> {
  return new PagedList({
    query: (position, limit) => ask('RemovedEmail/query', { accountId: account, filter, position, limit, calculateTotal: true }) as unknown as Promise<{ ids: Id[]; total: number }>,
    get: async (ids) => ((await ask('RemovedEmail/get', { accountId: account, ids })) as unknown as { list: RemovedEmail[] }).list,
  })
}

export async function removedMailboxes(account: Id): Promise<RemovedMailbox[]> {
  const { list } = (await ask('RemovedMailbox/get', { accountId: account, ids: null })) as unknown as { list: RemovedMailbox[] }
  return list
}

export interface Done {
  /** The mailboxes that messages came into, those with the most first. */
  mailboxes: Id[]
  ids: Id[]
  problems: SetError[]
}

/** Brings messages back, in pieces; `told` hears how many are done, and stops it with false. */
export async function restoreEmails(account: Id, ids: Id[], mailboxId: Id | null, told: (done: number) => boolean): Promise<Done> {
  const counts = new Map<Id, number>()
  const done: Done = { mailboxes: [], ids: [], problems: [] }
  for (const chunk of chunks(ids, AT_ONCE)) {
    const answer = await ask('RemovedEmail/restore', { accountId: account, ids: chunk, mailboxId })
    const { restored, notRestored } = answer as unknown as { restored: Record<Id, { mailboxIds: Record<Id, boolean> }> | null; notRestored: Record<Id, SetError> | null }
    for (const [id, { mailboxIds }] of Object.entries(restored ?? {})) {
      done.ids.push(id)
      for (const mailbox of Object.keys(mailboxIds)) counts.set(mailbox, (counts.get(mailbox) ?? 0) + 1)
    }
    done.problems.push(...Object.values(notRestored ?? {}))
    if (!told(done.ids.length) || done.problems.some((problem) => problem.type === 'overQuota')) break
  }
  done.mailboxes = [...counts].sort((a, b) => b[1] - a[1]).map(([id]) => id)
  return done
}

/** Brings a removed mailbox back with what was in it. */
export async function restoreMailbox(account: Id, id: Id): Promise<{ restored: Record<Id, { name: string; totalEmails: number }>; problem: SetError | null }> {
  const answer = (await ask('RemovedMailbox/restore', { accountId: account, id })) as unknown as { restored: Record<Id, { name: string; totalEmails: number }> | null; notRestored: Record<Id, SetError> | null }
  return { restored: answer.restored ?? {}, problem: Object.values(answer.notRestored ?? {})[0] ?? null }
}

/** Removes for good, in pieces. */
export async function purge(account: Id, type: 'RemovedEmail' | 'RemovedMailbox', ids: Id[]): Promise<{ ids: Id[]; problems: SetError[] }> {
  const done: { ids: Id[]; problems: SetError[] } = { ids: [], problems: [] }
  for (const destroy of chunks(ids, AT_ONCE)) {
    const answer = (await ask(`${type}/set`, { accountId: account, destroy })) as unknown as { destroyed: Id[] | null; notDestroyed: Record<Id, SetError> | null }
    done.ids.push(...(answer.destroyed ?? []))
    done.problems.push(...Object.values(answer.notDestroyed ?? {}))
    if (done.problems.some((problem) => problem.type !== 'notFound')) break
  }
  return done
}

// Accounts of the history: images, and what arrived lately

/** The moments that can be looked at, the oldest first. */
export async function images(account: Id): Promise<Image[]> {
  const { list } = (await ask('Image/get', { accountId: account, ids: null })) as unknown as { list: Image[] }
  // They come the newest first; several may be of one second.
  return list.filter((image) => typeof image.accountId === 'string').reverse()
}

/** The account that shows all mail that arrived lately. */
export function rescueOf(account: Id): Id | null {
  const capability = status.session?.accounts[account]?.accountCapabilities[HISTORY]
  return (capability?.['rescueAccountId'] as Id | null | undefined) ?? null
}

/** The mailboxes that an account of the history shows. */
export async function pastMailboxes(shown: Id): Promise<Mailbox[]> {
  const { list } = (await ask('Mailbox/get', { accountId: shown, ids: null })) as unknown as { list: Mailbox[] }
  return list
}

/** The emails that an account of the history shows, the newest first. */
export function pastEmails(shown: Id, filter: Filter): PagedList<Email> {
  return new PagedList({
    query: async (position, limit) => {
      const args = { accountId: shown, filter, sort: [{ property: 'receivedAt', isAscending: false }], position, limit, calculateTotal: true }
      return (await ask('Email/query', args)) as unknown as { ids: Id[]; total: number }
    },
    get: async (ids) => ((await ask('Email/get', { accountId: shown, ids, properties: ROW })) as unknown as { list: Email[] }).list,
  })
}

/** A message of an account of the history, with all that is shown of it. */
export async function readPast(shown: Id, id: Id, properties: string[]): Promise<{ account: Id; email: Email }> {
  const { list } = (await ask('Email/get', { accountId: shown, ids: [id], properties: ['id', ...properties], fetchAllBodyValues: true, maxBodyValueBytes: 1_048_576 })) as unknown as { list: Email[] }
  const [email] = list
  if (!email) throw new Error('not there')
  return { account: shown, email }
}

/** A message that was removed, where the history still shows it: among what arrived lately, or in the last image before. */
export async function readRemoved(account: Id, removed: RemovedEmail, properties: string[]): Promise<{ account: Id; email: Email }> {
  const rescue = rescueOf(account)
  if (rescue) {
    const found = await readPast(rescue, removed.id, properties).catch(() => null)
    if (found) return found
  }
  const image = (await images(account)).findLast((one) => one.at <= removed.removedAt)
  if (!image?.accountId) throw new Error('not there')
  return readPast(image.accountId, removed.id, properties)
}

/** Where a message of the past is now: in the same mailbox, in another one, or nowhere. */
export type Now = 'here' | 'elsewhere' | 'gone'

/** Compares what was with what is. */
export class Present {
  readonly #now = new SvelteMap<Id, Record<Id, boolean> | null>()
  readonly #asked = new Set<Id>()

  constructor(readonly account: Id) {}

  of(id: Id, mailboxId: Id | null): Now | undefined {
    const places = this.#now.get(id)
    if (places === undefined) return undefined
    return places === null ? 'gone' : mailboxId === null || places[mailboxId] ? 'here' : 'elsewhere'
  }

  /** The mailboxes that it lies in now. */
  places(id: Id): Id[] {
    return Object.keys(this.#now.get(id) ?? {})
  }

  async look(ids: Id[]): Promise<void> {
    const wanted = ids.filter((id) => !this.#now.has(id) && !this.#asked.has(id))
    for (const chunk of chunks(wanted, AT_ONCE)) {
      for (const id of chunk) this.#asked.add(id)
      const { list } = (await ask('Email/get', { accountId: this.account, ids: chunk, properties: ['mailboxIds'] })) as unknown as { list: Email[] }
      const found = new Map(list.map((email) => [email.id, email.mailboxIds]))
      for (const id of chunk) this.#now.set(id, found.get(id) ?? null)
    }
  }

  /** Something was brought back: all is looked at again. */
  async again(): Promise<void> {
    const known = [...this.#now.keys()]
    this.#asked.clear()
    for (const chunk of chunks(known, AT_ONCE)) {
      const { list } = (await ask('Email/get', { accountId: this.account, ids: chunk, properties: ['mailboxIds'] })) as unknown as { list: Email[] }
      const found = new Map(list.map((email) => [email.id, email.mailboxIds]))
      for (const id of chunk) this.#now.set(id, found.get(id) ?? null)
    }
  }
}

/** Brings back what an image shows, or only tells what would change. */
export async function restoreImage(wanted: Restore, dryRun: boolean): Promise<Report> {
  const { account, emailIds, ...rest } = wanted
  const sum: Report = { mailboxesRestored: 0, mailboxesChanged: 0, mailboxesRemoved: 0, emailsRestored: 0, emailsChanged: 0, emailsRemoved: 0, size: 0 }
  const parts = emailIds ? [...chunks(emailIds, AT_ONCE)].map((part) => ({ emailIds: part })) : [{}]
  for (const part of parts) {
    const answer = (await ask('Image/restore', { accountId: account, ...rest, ...part, dryRun })) as unknown as Report
    for (const name of Object.keys(sum) as (keyof Report)[]) sum[name] += answer[name]
  }
  return sum
}

/** Copies emails of an account of the history into a mailbox of now. */
export async function copyEmails(from: Id, account: Id, ids: Id[], mailboxId: Id): Promise<{ ids: Id[]; problems: SetError[] }> {
  const done: { ids: Id[]; problems: SetError[] } = { ids: [], problems: [] }
  for (const chunk of chunks(ids, AT_ONCE)) {
    const create = Object.fromEntries(chunk.map((id) => [id, { id, mailboxIds: { [mailboxId]: true } }]))
    const answer = (await ask('Email/copy', { fromAccountId: from, accountId: account, create })) as unknown as { created: Record<Id, JmapObject> | null; notCreated: Record<Id, SetError> | null }
    done.ids.push(...Object.keys(answer.created ?? {}))
    done.problems.push(...Object.values(answer.notCreated ?? {}))
  }
  return done
}
