// The engine: one for all tabs where the browser can, in a worker of its own. It answers from its cache, keeps an ordered
// log of local changes, replays it when the server is there, and follows what others change.
//
// What must stay true: people see the server's state with every waiting change laid over it; a change is in the
// database before it is shown; the log is sent in order, one entry at a time, by one engine at a time.
import { LoggedOut, Unreachable, type JmapClient, type Login } from '../jmap/client.ts'
import type { Email, Id, Invocation, JmapObject, Patch, Session, SetResponse } from '../jmap/types.ts'
import { forget, open, type Database, type Entry } from './database.ts'
import { Log, type Outcome } from './log.ts'
import { Objects } from './objects.ts'
import { applied, inverse } from './patch.ts'
import type { Calls, Change, Events, Progress, QuerySpec, QueryView, Sending, Status } from './protocol.ts'
import { Push } from './push.ts'
import { Queries, ROW, type Query } from './queries.ts'
import { sendingEntry, takingBack } from './sending.ts'

export type Tell = <Name extends keyof Events>(event: Name, data: Events[Name]) => void
export interface Surroundings {
  now: () => number
  /** One engine at a time replays the log. */
  exclusive: (work: () => Promise<void>) => Promise<void>
  upload: (path: string, headers: Record<string, string>, blob: Blob, progress: (sent: number) => void) => Promise<{ blobId: Id }>
  eventSource: ((url: string) => EventSource) | null
  /** The account of the last login, so that a cold start offline finds its data. */
  lastAccount: { get: () => Promise<string | null>; set: (account: string | null) => Promise<void> }
}

/** Types whose objects are all kept. */
const WHOLE = ['Mailbox', 'Identity', 'Quota', 'VacationResponse', 'SieveScript']
const RETRY_MS = [1_000, 2_000, 5_000, 15_000, 30_000, 60_000]

export class Engine implements Calls {
  #database: Database | null = null
  #log: Log | null = null
  #objects: Objects | null = null
  #queries: Queries | null = null
  #login: Login | null = null
  #session: Session | null = null
  #phase: Status['phase'] = 'starting'
  #online = true
  #push: Push | null = null
  #tries = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #replaying: Promise<void> | null = null
  #starting: Promise<Status> | null = null
  #syncing: Promise<void> = Promise.resolve()

  constructor(
    readonly client: JmapClient,
    readonly tell: Tell,
    readonly around: Surroundings,
  ) {}

  start(): Promise<Status> {
    this.#starting ??= this.#start()
    // Whoever asks later sees what is so then: somebody may have logged in meanwhile.
    return this.#starting.then(() => this.status())
  }

  async #start(): Promise<Status> {
    const last = await this.around.lastAccount.get()
    if (last) await this.#use(last)
    if (this.#session) {
      // The cache answers; the server is asked beside it.
      this.#phase = 'ready'
      void this.connect()
      return this.status()
    }
    return this.connect()
  }

  async connect(): Promise<Status> {
    try {
      await this.client.connect()
      const { login, session } = this.client
      if (!login || !session) throw new LoggedOut()
      if (this.#login?.account !== login.account || !this.#database) await this.#use(login.account)
      this.#login = login
      this.#session = session
      await this.#database?.put('facts', { name: 'login', value: login })
      await this.#database?.put('facts', { name: 'session', value: session })
      await this.around.lastAccount.set(login.account)
      this.#phase = 'ready'
      this.#reached()
      this.#listen()
      void this.#catchUp()
    } catch (error) {
      this.#met(error)
    }
    this.#say()
    return this.status()
  }

  async #use(account: string): Promise<void> {
    const database = await open(account)
    const fact = async (name: string) => (await database.get('facts', name))?.value
    const session = (await fact('session')) as Session | undefined
    const login = (await fact('login')) as Login | undefined
    this.#database = database
    this.#objects = new Objects(database)
    this.#log = new Log(database, this.client)
    this.#queries = new Queries(database, this.client, this.#objects)
    await this.#log.load()
    this.#objects.overlay(this.#log.entries)
    if (session && login) {
      this.#session = session
      this.#login = login
      this.client.session ??= session
      this.client.login ??= login
    }
  }

  status(): Status {
    return {
      phase: this.#phase, online: this.#online, waiting: this.#log?.entries.length ?? 0, session: this.#session, login: this.#login,
    }
  }

  // Lists

  async watch(key: string, spec: QuerySpec, from: number, count: number): Promise<QueryView> {
    const { queries, objects } = this.#parts()
    const isNew = !queries.open.has(key)
    const query = await queries.find(key, spec)
    query.from = from
    query.count = count
    query.watchers = Math.max(1, query.watchers)
    if (isNew && query.stale && !this.#online && query.ids.length === 0) await queries.local(query)
    const touched = this.#touchedEmails(spec.account)
    if (isNew && touched.length) {
      await objects.load(spec.account, 'Email', [...touched, ...query.ids.filter((id) => id !== undefined)])
      queries.touch(query, spec.account, touched)
    }
    const view = queries.view(query)
    const shown = view.ids.filter((id) => id !== null)
    await objects.load(spec.account, 'Email', shown)
    this.#show(spec.account, 'Email', shown)
    void this.#fill(query, isNew || query.stale)
    return view
  }

  async unwatch(key: string): Promise<void> {
    this.#queries?.open.delete(key)
  }

  /** All ids of a list, for "select all"; asked in pages. */
  async every(spec: QuerySpec): Promise<Id[]> {
    const { queries } = this.#parts()
    const ids: Id[] = []
    for (;;) {
      const args = { ...queries.arguments(spec), position: ids.length, limit: 1_000, calculateTotal: true }
      const page = (await this.client.call('Email/query', args)) as unknown as { ids: Id[]; total: number }
      ids.push(...page.ids)
      if (page.ids.length === 0 || ids.length >= page.total) return ids
    }
  }

  async #fill(query: Query, anew: boolean): Promise<void> {
    const { queries, objects } = this.#parts()
    try {
      const list = await queries.fill(query, anew)
      await objects.put(query.spec.account, 'Email', list)
      const touched = this.#touchedEmails(query.spec.account)
      queries.touch(query, query.spec.account, touched)
      this.#show(query.spec.account, 'Email', list.map((object) => object.id))
      this.#reached()
    } catch (error) {
      this.#met(error)
    }
    this.tell('query', { key: query.key, view: queries.view(query) })
  }

  #touchedEmails(account: Id): Id[] {
    return (this.#log?.entries ?? []).filter((entry) => entry.account === account).flatMap((entry) => emailsOf(entry.calls))
  }

  // Objects

  async get(account: Id, type: string, ids: Id[] | null, properties: string[] | null): Promise<JmapObject[]> {
    const { objects, log } = this.#parts()
    const real = ids?.map((id) => log.resolve(id)) ?? null
    if (real) await objects.load(account, type, real)
    const cached = ids === null ? await objects.all(account, type) : []
    const lacking = real?.filter((id) => !id.startsWith('local-') && !objects.has(account, type, id, properties ?? ['id'])) ?? null
    const known = ids === null && (await this.#database?.get('states', [account, type])) !== undefined
    if (known || lacking?.length === 0) return real ? this.#seen(account, type, real) : cached
    try {
      await this.#fetch(account, type, lacking, properties)
    } catch (error) {
      this.#met(error)
      if (!(error instanceof Unreachable)) throw error
    }
    return real ? this.#seen(account, type, real) : objects.all(account, type)
  }

  #seen(account: Id, type: string, ids: Id[]): JmapObject[] {
    return ids.map((id) => this.#objects?.see(account, type, id)).filter((object) => object !== null && object !== undefined)
  }

  async #fetch(account: Id, type: string, ids: Id[] | null, properties: string[] | null): Promise<void> {
    const { objects } = this.#parts()
    const more = type === 'Email' && properties?.includes('bodyValues') ? { fetchAllBodyValues: true, maxBodyValueBytes: 1_048_576 } : {}
    const answer = await this.client.call(`${type}/get`, { accountId: account, ids, ...(properties ? { properties: ['id', ...properties.filter((name) => name !== 'id')] } : {}), ...more })
    const { list, notFound, state } = answer as unknown as { list: JmapObject[]; notFound: Id[]; state: string }
    if (ids === null) {
      const there = new Set(list.map((object) => object.id))
      const gone = [...(await objects.known(account, type))].filter((id) => !there.has(id))
      await objects.remove(account, type, gone)
      notFound.push(...gone)
    }
    await objects.put(account, type, list)
    if (ids === null || (await this.#state(account, type)) === undefined) await this.#setState(account, type, state)
    this.#show(account, type, [...list.map((object) => object.id), ...notFound])
  }

  #show(account: Id, type: string, ids: Id[]): void {
    if (ids.length === 0) return
    const shown = Object.fromEntries(ids.map((id) => [id, this.#objects?.see(account, type, id) ?? null]))
    this.tell('objects', { account, type, objects: shown })
  }

  // Changes

  async change(change: Change): Promise<Record<Id, Patch>> {
    const { objects } = this.#parts()
    const { account, type, label, create, destroy } = change
    const update = change.update ?? {}
    await objects.load(account, type, Object.keys(update))
    const back: Record<Id, Patch> = {}
    for (const [id, patch] of Object.entries(update)) {
      const object = objects.see(account, type, id)
      if (object) back[id] = inverse(object, patch)
    }
    const extra = type === 'Mailbox' && destroy ? { onDestroyRemoveEmails: true } : {}
    const call: Invocation = [`${type}/set`, { accountId: account, ...extra, ...(create ? { create } : {}), ...(Object.keys(update).length ? { update } : {}), ...(destroy ? { destroy } : {}) }, '0']
    const counts = type === 'Email' ? this.#counts(account, update) : null
    await this.#append({ account, calls: [call], ...(label ? { label } : {}) })
    if (counts) await this.#count(account, counts)
    return back
  }

  async #append(entry: Entry): Promise<void> {
    const { log, objects } = this.#parts()
    await log.append(entry)
    objects.overlay(log.entries)
    this.#showEntry(entry)
    this.#say()
    void this.#replay()
  }

  #showEntry(entry: Entry): void {
    const { queries } = this.#parts()
    for (const [name, args] of entry.calls) {
      const type = name.split('/')[0] ?? ''
      const ids = [...Object.keys((args['create'] ?? {}) as object), ...Object.keys((args['update'] ?? {}) as object), ...((args['destroy'] ?? []) as Id[])]
      this.#show(entry.account, type, ids)
      if (type !== 'Email') continue
      for (const query of queries.open.values()) {
        if (queries.touch(query, entry.account, ids)) this.tell('query', { key: query.key, view: queries.view(query) })
      }
    }
  }

  /** How counts of mailboxes change by patches of messages, so that people need not wait for the server to count. */
  #counts(account: Id, update: Record<Id, Patch>): Map<Id, { total: number; unread: number }> {
    const counts = new Map<Id, { total: number; unread: number }>()
    const add = (email: Email, sign: number) => {
      for (const id of Object.keys(email.mailboxIds ?? {})) {
        const count = counts.get(id) ?? { total: 0, unread: 0 }
        const unread = email.keywords['$seen'] || email.keywords['$draft'] ? 0 : sign
        counts.set(id, { total: count.total + sign, unread: count.unread + unread })
      }
    }
    for (const [id, patch] of Object.entries(update)) {
      const email = this.#objects?.see(account, 'Email', id) as Email | null
      if (!email?.mailboxIds) continue
      add(email, -1)
      add(applied(email, patch), 1)
    }
    return counts
  }

  async #count(account: Id, counts: Map<Id, { total: number; unread: number }>): Promise<void> {
    const { objects } = this.#parts()
    await objects.load(account, 'Mailbox', [...counts.keys()])
    const changed: JmapObject[] = []
    for (const [id, { total, unread }] of counts) {
      const mailbox = objects.see(account, 'Mailbox', id)
      if (!mailbox) continue
      const atLeast = (name: string, by: number) => Math.max(0, Number(mailbox[name] ?? 0) + by)
      changed.push({ id, totalEmails: atLeast('totalEmails', total), unreadEmails: atLeast('unreadEmails', unread) })
    }
    await objects.put(account, 'Mailbox', changed)
    this.#show(account, 'Mailbox', changed.map((mailbox) => mailbox.id))
  }

  async send(sending: Sending): Promise<void> {
    await this.#append(sendingEntry(sending, this.#session, this.around.now()))
  }

  /** Takes a message back. False when it has left. */
  async unsend(sending: Pick<Sending, 'local' | 'sent' | 'drafts'>): Promise<boolean> {
    const { local } = sending
    const { log, objects } = this.#parts()
    const entry = log.entries.find((one) => one.calls.some(([, args]) => local in ((args['create'] ?? {}) as object)))
    if (entry && !entry.tried) {
      await log.drop(entry.seq)
      objects.overlay(log.entries)
      this.#say()
      return true
    }
    // On its way: only the answer says under which name the server holds it.
    if (entry) await this.#replaying
    const id = log.names.get(local)
    if (!id) return false
    return takingBack(this.client, this.#session, id, sending)
  }

  /** Hands an attachment over, now or when the server is there. */
  async attach(local: string, account: Id, blob: Blob, name: string): Promise<void> {
    const { log } = this.#parts()
    await this.#database?.put('blobs', { local, blob, name })
    const progress = (sent: number) => this.tell('progress', { local, sent, total: blob.size } satisfies Progress)
    try {
      const headers = { 'content-type': blob.type || 'application/octet-stream', ...this.client.csrf() }
      const { blobId } = await this.around.upload(this.client.uploadPath(account), headers, blob, progress)
      log.names.set(local, blobId)
      await this.#database?.put('ids', { local, id: blobId })
      await this.#database?.delete('blobs', local)
      this.tell('named', { local, id: blobId })
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error
      this.#met(error)
    }
    progress(blob.size)
  }

  async call(name: string, args: Record<string, unknown>): Promise<Record<string, unknown>> {
    try {
      return await this.client.call(name, args)
    } catch (error) {
      this.#met(error)
      throw error
    }
  }

  request(calls: Invocation[]): Promise<Invocation[]> {
    return this.client.request(calls)
  }

  async logout(): Promise<void> {
    const account = this.#login?.account
    this.#push?.close()
    clearTimeout(this.#timer)
    this.#database?.close()
    this.#database = this.#objects = this.#log = this.#queries = this.#push = null
    this.#session = this.#login = this.client.session = this.client.login = null
    this.#phase = 'loggedOut'
    this.#starting = null
    await this.around.lastAccount.set(null)
    if (account) await forget(account)
    this.#say()
  }

  // The server

  #replay(): Promise<void> {
    if (!this.#log || !this.#session) return Promise.resolve()
    this.#replaying ??= this.#sendLog().finally(() => {
      this.#replaying = null
      // What was written while the last round ended.
      if (this.#online && this.#phase === 'ready' && this.#log?.next(this.around.now())) void this.#replay()
    })
    return this.#replaying
  }

  async #sendLog(): Promise<void> {
    try {
      await this.around.exclusive(async () => {
        for (let entry = this.#log?.next(this.around.now()); entry; entry = this.#log?.next(this.around.now())) {
          const outcome = await this.#log?.send(entry)
          if (outcome) await this.#settle(outcome)
          this.#reached()
        }
      })
    } catch (error) {
      this.#met(error)
    }
    this.#say()
    const wake = this.#log?.wakeAt()
    if (this.#online && wake !== undefined) this.#later(Math.max(50, wake - this.around.now()))
  }

  /** Lays what the server confirmed over its objects, before the log lets go of it: nothing flickers. */
  async #settle({ entry, done, failures }: Outcome): Promise<void> {
    const { log, objects } = this.#parts()
    for (const { name, args, answer } of done) await this.#confirm(entry.account, name, args, answer)
    objects.overlay(log.entries)
    this.#showEntry(entry)
    for (const failure of failures) this.tell('failed', failure)
    if (done.length || failures.length) this.#sync(entry.account)
  }

  async #confirm(account: Id, name: string, args: Record<string, unknown>, answer: SetResponse): Promise<void> {
    const { objects } = this.#parts()
    const type = name.split('/')[0] ?? ''
    const update = (args['update'] ?? {}) as Record<Id, Patch>
    const create = (args['create'] ?? {}) as Record<Id, object>
    const changed: JmapObject[] = []
    for (const id of Object.keys(answer.updated ?? {})) {
      const before = objects.see(account, type, id)
      if (before) changed.push({ ...applied(before, update[id] ?? {}), ...answer.updated?.[id], id })
    }
    for (const [local, made] of Object.entries(answer.created ?? {})) {
      if (type !== 'EmailSubmission') changed.push({ ...create[local], ...made } as JmapObject)
      this.tell('named', { local, id: made.id })
    }
    await objects.put(account, type, changed)
    await objects.remove(account, type, answer.destroyed ?? [])
  }

  #listen(): void {
    this.#push?.close()
    if (!this.around.eventSource || !this.#session) return
    this.#push = new Push(this.around.eventSource, this.#session, {
      changed: (account, types) => {
        // Somebody shares something, or shares it no more: the session says which accounts there are.
        if (types.includes('ShareNotification')) this.#syncing = this.#syncing.then(() => this.#renew()).catch((error: unknown) => this.#met(error))
        this.#sync(account)
      },
      lost: () => this.#met(new Unreachable('events')),
      back: () => {
        if (!this.#online) void this.connect()
      },
    })
  }

  async #renew(): Promise<void> {
    await this.client.renew()
    const session = this.client.session
    if (!session || JSON.stringify(session.accounts) === JSON.stringify(this.#session?.accounts)) return
    const gone = Object.keys(this.#session?.accounts ?? {}).filter((account) => !(account in session.accounts))
    this.#session = session
    await this.#database?.put('facts', { name: 'session', value: session })
    for (const account of gone) {
      const known = [...((await this.#objects?.known(account, 'Mailbox')) ?? [])]
      await this.#objects?.remove(account, 'Mailbox', known)
      await this.#database?.delete('states', [account, 'Mailbox'])
      this.#show(account, 'Mailbox', known)
    }
    this.#say()
  }

  async #catchUp(): Promise<void> {
    await this.#replay()
    for (const account of Object.keys(this.#session?.accounts ?? {})) this.#sync(account)
  }

  /** Follows what changed on the server; one after the other. */
  #sync(account: Id): void {
    this.#syncing = this.#syncing.then(() => this.#follow(account)).catch((error: unknown) => this.#met(error))
  }

  /** Waits until everything asked for so far is done. */
  async settled(): Promise<void> {
    for (let last: Promise<void> | null = null; last !== this.#syncing; ) {
      last = this.#syncing
      await last
    }
  }

  async #follow(account: Id): Promise<void> {
    if (!this.#objects) return
    for (const type of ['Email', 'Thread', ...WHOLE]) {
      const before = WHOLE.includes(type) ? new Set<Id>() : await this.#objects.known(account, type)
      if ((await this.#state(account, type)) !== undefined) await this.#followType(account, type, before)
    }
    for (const query of [...(this.#queries?.open.values() ?? [])]) {
      if (query.spec.account === account) await this.#refresh(query)
    }
    this.#reached()
  }

  async #followType(account: Id, type: string, before: Set<Id>): Promise<void> {
    const { objects } = this.#parts()
    const whole = WHOLE.includes(type)
    let more = true
    while (more) {
      const since = await this.#state(account, type)
      let answer: Record<string, unknown>
      try {
        answer = await this.client.call(`${type}/changes`, { accountId: account, sinceState: since, maxChanges: 500 })
      } catch (error) {
        if (error instanceof Unreachable || error instanceof LoggedOut) throw error
        // Too long ago, or a type that tells no changes: begin anew.
        if (whole) return this.#fetch(account, type, null, null)
        await objects.clear(account, type)
        await this.#database?.delete('states', [account, type])
        return
      }
      const changes = answer as unknown as { created: Id[]; updated: Id[]; destroyed: Id[]; newState: string; hasMoreChanges: boolean }
      if (changes.newState === since && !changes.hasMoreChanges) return
      await objects.remove(account, type, changes.destroyed)
      this.#show(account, type, changes.destroyed)
      const updated = changes.updated.filter((id) => before.has(id))
      if (whole) await this.#fetch(account, type, null, null)
      else if (updated.length) await this.#fetch(account, type, updated, type === 'Email' ? ['mailboxIds', 'keywords'] : null)
      if (type === 'Email' && changes.created.length) {
        await this.#fetch(account, type, changes.created.slice(-50), ROW)
        this.tell('arrived', { account, ids: changes.created })
      }
      await this.#setState(account, type, changes.newState)
      more = changes.hasMoreChanges
    }
  }

  async #refresh(query: Query): Promise<void> {
    const { queries, objects } = this.#parts()
    const followed = await queries.follow(query).catch((error: unknown) => {
      if (error instanceof Unreachable || error instanceof LoggedOut) throw error
      return false
    })
    await this.#fill(query, !followed)
    const lacking = queries.view(query).ids.filter((id) => id !== null && !objects.has(query.spec.account, 'Email', id, ROW)) as Id[]
    if (lacking.length) await this.#fetch(query.spec.account, 'Email', lacking, ROW)
  }

  async #state(account: Id, type: string): Promise<string | undefined> {
    return (await this.#database?.get('states', [account, type]))?.state
  }

  async #setState(account: Id, type: string, state: string): Promise<void> {
    await this.#database?.put('states', { account, type, state })
  }

  #reached(): void {
    this.#tries = 0
    if (this.#online) return
    this.#online = true
    this.#say()
  }

  #met(error: unknown): void {
    if (error instanceof LoggedOut) {
      this.#phase = 'loggedOut'
      this.#push?.close()
    } else if (error instanceof Unreachable) {
      this.#online = false
      if (this.#phase === 'starting' && this.#session) this.#phase = 'ready'
      this.#later(RETRY_MS[Math.min(this.#tries++, RETRY_MS.length - 1)] ?? 60_000, true)
    } else {
      this.tell('failed', { type: 'client', detail: String(error), label: '' })
    }
    this.#say()
  }

  #later(wait: number, connect = false): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void (connect ? this.connect() : this.#replay()), wait)
  }

  #say(): void {
    this.tell('status', this.status())
  }

  #parts(): { objects: Objects; queries: Queries; log: Log } {
    if (!this.#objects || !this.#queries || !this.#log) throw new LoggedOut()
    return { objects: this.#objects, queries: this.#queries, log: this.#log }
  }
}

const emailsOf = (calls: Invocation[]): Id[] =>
  calls.flatMap(([name, args]) => (name === 'Email/set' ? [...Object.keys((args['update'] ?? {}) as object), ...((args['destroy'] ?? []) as Id[])] : []))
