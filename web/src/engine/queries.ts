// Lists: a window of ids over what may be a hundred thousand messages. Holes are filled as people scroll.
import type { JmapClient } from '../jmap/client.ts'
import { result } from '../jmap/client.ts'
import type { Email, Id, Invocation, JmapObject } from '../jmap/types.ts'
import type { Database } from './database.ts'
import { compare, matches } from './filter.ts'
import type { Objects } from './objects.ts'
import type { QuerySpec, QueryView } from './protocol.ts'

/** What a row of a list shows. */
export const ROW = [
  'id', 'blobId', 'threadId', 'mailboxIds', 'keywords', 'size', 'receivedAt', 'from', 'to', 'subject', 'hasAttachment', 'preview',
]
/** Ids kept for the next start and for offline reading. */
const STORED = 500
const PAGE = 60

export interface Query {
  key: string
  spec: QuerySpec
  ids: (Id | undefined)[]
  total: number
  state: string
  stale: boolean
  from: number
  count: number
  watchers: number
}

export class Queries {
  readonly open = new Map<string, Query>()
  readonly #database: Database
  readonly #client: JmapClient
  readonly #objects: Objects

  constructor(database: Database, client: JmapClient, objects: Objects) {
    this.#database = database
    this.#client = client
    this.#objects = objects
  }

  /** The list as the cache knows it. */
  async find(key: string, spec: QuerySpec): Promise<Query> {
    const there = this.open.get(key)
    if (there) return there
    const stored = await this.#database.get('queries', key)
    const again = this.open.get(key)
    if (again) return again
    const query: Query = {
      key, spec, ids: stored?.ids ?? [], total: stored?.total ?? 0, state: stored?.state ?? '', stale: true, from: 0, count: PAGE, watchers: 0,
    }
    query.ids.length = query.total
    this.open.set(key, query)
    return query
  }

  view(query: Query): QueryView {
    const to = Math.min(query.total, query.from + query.count)
    const ids: (Id | null)[] = []
    for (let at = query.from; at < to; at++) ids.push(query.ids[at] ?? null)
    return { total: query.total, from: query.from, ids, stale: query.stale }
  }

  /** Asks for what the window lacks; `anew` asks for all of it. */
  async fill(query: Query, anew: boolean): Promise<JmapObject[]> {
    const ahead = Math.max(PAGE, query.count)
    const begin = Math.max(0, query.from - (query.from > 0 ? 20 : 0))
    const end = query.from + ahead
    if (!anew) {
      const wanted = Math.min(end, query.total)
      let whole = true
      for (let at = begin; at < wanted; at++) if (query.ids[at] === undefined) whole = false
      if (whole) return []
    }
    const calls: Invocation[] = [
      ['Email/query', { ...this.arguments(query.spec), position: begin, limit: end - begin, calculateTotal: true }, 'q'],
      ['Email/get', { accountId: query.spec.account, '#ids': { resultOf: 'q', name: 'Email/query', path: '/ids' }, properties: ROW }, 'g'],
    ]
    const answers = await this.#client.request(calls)
    const page = result(answers[0]) as { ids: Id[]; position: number; total: number; queryState: string }
    const list = (result(answers[1]) as { list: JmapObject[] }).list
    if (page.queryState !== query.state) query.ids = []
    query.total = page.total ?? page.position + page.ids.length
    query.ids.length = query.total
    for (const [index, id] of page.ids.entries()) query.ids[page.position + index] = id
    query.state = page.queryState
    query.stale = false
    await this.#keep(query)
    return list
  }

  /** Brings a list up to date (RFC 8620, section 5.6); false when it has to be asked for anew. */
  async follow(query: Query): Promise<boolean> {
    const loaded = query.ids.findIndex((id) => id === undefined)
    const known = loaded === -1 ? query.ids.length : loaded
    const isPrefix = !query.ids.some((id, at) => id !== undefined && at >= known)
    if (!isPrefix || known === 0 || !query.state) return false
    const answer = await this.#client.call('Email/queryChanges', {
      ...this.arguments(query.spec),
      sinceQueryState: query.state,
      upToId: known < query.total ? query.ids[known - 1] : null,
      calculateTotal: true,
      maxChanges: 200,
    })
    const changes = answer as unknown as { newQueryState: string; total: number; removed: Id[]; added: { id: Id; index: number }[] }
    const gone = new Set(changes.removed)
    const ids = query.ids.slice(0, known).filter((id) => id !== undefined && !gone.has(id))
    for (const { id, index } of [...changes.added].sort((a, b) => a.index - b.index)) {
      if (index <= ids.length) ids.splice(index, 0, id)
    }
    query.ids = ids
    query.total = changes.total ?? ids.length
    query.ids.length = Math.max(query.total, 0)
    query.state = changes.newQueryState
    query.stale = false
    await this.#keep(query)
    return true
  }

  arguments(spec: QuerySpec): Record<string, unknown> {
    return { accountId: spec.account, filter: spec.filter, sort: spec.sort, collapseThreads: spec.collapseThreads }
  }

  /** Shows at once what a local change does to a list; the server is asked afterwards. True when the list changed. */
  touch(query: Query, account: Id, touched: Id[]): boolean {
    if (query.spec.account !== account) return false
    let changed = false
    for (const id of touched) {
      const email = this.#objects.see(account, 'Email', id) as Email | null
      const at = query.ids.indexOf(id)
      const belongs = email ? matches(placeOnly(query.spec.filter), email) : false
      if (at >= 0 && belongs === false) {
        query.ids.splice(at, 1)
        query.total--
        changed = true
      } else if (at < 0 && email && belongs && matches(query.spec.filter, email) === true) {
        changed = this.#insert(query, email) || changed
      }
    }
    return changed
  }

  #insert(query: Query, email: Email): boolean {
    const see = (id: Id) => this.#objects.see(query.spec.account, 'Email', id) as Email | null
    if (query.spec.collapseThreads && email.threadId && query.ids.some((id) => id && see(id)?.threadId === email.threadId)) return false
    const place = query.ids.findIndex((id) => {
      const other = id === undefined ? null : see(id)
      return !other || compare(query.spec.sort, email, other) < 0
    })
    if (place === -1 && query.ids.length < query.total) return false
    query.ids.splice(place === -1 ? query.ids.length : place, 0, email.id)
    query.total++
    return true
  }

  /** Judges the cached messages when the server is away and the list was never seen. */
  async local(query: Query): Promise<void> {
    const all = (await this.#objects.all(query.spec.account, 'Email')) as Email[]
    const found = all.filter((email) => email.mailboxIds && matches(query.spec.filter, email) === true)
    found.sort((a, b) => compare(query.spec.sort, a, b))
    const threads = new Set<Id>()
    const rows = found.filter((email) => {
      if (!query.spec.collapseThreads || !email.threadId) return true
      if (threads.has(email.threadId)) return false
      threads.add(email.threadId)
      return true
    })
    query.ids = rows.map((email) => email.id)
    query.total = query.ids.length
  }

  async #keep(query: Query): Promise<void> {
    const holes = query.ids.findIndex((id) => id === undefined)
    const ids = query.ids.slice(0, Math.min(STORED, holes === -1 ? query.ids.length : holes)) as Id[]
    await this.#database.put('queries', { key: query.key, ids, total: query.total, state: query.state })
  }
}

/** A message that was read stays in a list of unread ones until the list is opened again: only its place counts. */
function placeOnly(filter: QuerySpec['filter']): QuerySpec['filter'] {
  if (!filter) return null
  if ('operator' in filter) {
    const conditions = (filter.conditions as NonNullable<QuerySpec['filter']>[]).map(placeOnly).filter((one) => one !== null)
    return filter.operator === 'AND' ? { operator: 'AND', conditions } : null
  }
  return filter['inMailbox'] ? { inMailbox: filter['inMailbox'] } : null
}
