// A small JMAP server in memory (RFC 8620, RFC 8621) for unit tests of the engine. It keeps the rules that the engine
// relies on: states, changes, windows over queries, patches, creation ids, back references, submissions that are held.
import { applied } from '../engine/patch.ts'
import { compare, matches } from '../engine/filter.ts'
import type { Comparator, Email, Filter, Id, Invocation, JmapObject, Patch, SetError } from '../jmap/types.ts'
import { LINES, PEOPLE, SUBJECTS } from './people.ts'

type Args = Record<string, unknown>
interface Kept {
  object: JmapObject
  created: number
  changed: number
  gone: boolean
}

const RIGHTS = {
  mayReadItems: true, mayAddItems: true, mayRemoveItems: true, maySetSeen: true, maySetKeywords: true,
  mayCreateChild: true, mayRename: true, mayDelete: true, maySubmit: true,
}

export class TestServer {
  readonly account = 'a1'
  readonly #types = new Map<string, Map<Id, Kept>>()
  #state = 1
  #next = 1
  reachable = true
  loggedIn = true
  /** The next answer is lost on its way: the server does what was asked, the client hears nothing. */
  loseNextAnswer = false
  requests: Invocation[][] = []
  sentMail: { email: JmapObject; submission: JmapObject }[] = []

  constructor(emails = 0) {
    const boxes: [string, string | null][] = [['Inbox', 'inbox'], ['Sent', 'sent'], ['Drafts', 'drafts'], ['Archive', 'archive'], ['Trash', 'trash'], ['Junk', 'junk'], ['Projets', null]]
    for (const [name, role] of boxes) {
      this.add('Mailbox', { name, role, parentId: null, sortOrder: 0, isSubscribed: true, myRights: RIGHTS })
    }
    this.add('Identity', { name: 'Ada Lovelace', email: 'ada@univ.example', replyTo: null, bcc: null, textSignature: '', htmlSignature: '', mayDelete: false })
    for (let number = 0; number < emails; number++) this.deliver(number)
  }

  mailbox(role: string): Id {
    const found = [...this.#of('Mailbox').values()].find((kept) => kept.object['role'] === role)
    return found?.object.id ?? ''
  }

  deliver(number: number, more: Partial<Email> = {}): Id {
    const [name, email] = PEOPLE[number % PEOPLE.length] ?? ['', '']
    const received = new Date(Date.UTC(2026, 10, 22, 9, 0) + number * 60_000).toISOString().replace('.000', '')
    return this.add('Email', {
      threadId: `t${number}`, mailboxIds: { [this.mailbox('inbox')]: true }, keywords: {}, size: 2_000 + number,
      blobId: `b${number}`, receivedAt: received, sentAt: received, from: [{ name, email }], to: [{ name: 'Ada Lovelace', email: 'ada@univ.example' }],
      subject: SUBJECTS[number % SUBJECTS.length] ?? '', preview: LINES[number % LINES.length] ?? '', hasAttachment: number % 5 === 0,
      bodyValues: { '1': { value: `<p>${LINES[number % LINES.length]}</p>`, isEncodingProblem: false, isTruncated: false } },
      htmlBody: [{ partId: '1', type: 'text/html' }], textBody: [{ partId: '1', type: 'text/html' }], attachments: [], ...more,
    })
  }

  add(type: string, object: Args): Id {
    const id = `${type.charAt(0)}${this.#next++}`
    const state = ++this.#state
    this.#of(type).set(id, { object: { ...object, id }, created: state, changed: state, gone: false })
    return id
  }

  update(type: string, id: Id, patch: Patch): void {
    const kept = this.#of(type).get(id)
    if (!kept || kept.gone) return
    kept.object = applied(kept.object, patch)
    kept.changed = ++this.#state
  }

  object(type: string, id: Id): JmapObject | undefined {
    const kept = this.#of(type).get(id)
    return kept && !kept.gone ? kept.object : undefined
  }

  destroy(type: string, id: Id): boolean {
    const kept = this.#of(type).get(id)
    if (!kept || kept.gone) return false
    kept.gone = true
    kept.changed = ++this.#state
    return true
  }

  fetch = async (input: string, init?: RequestInit): Promise<Response> => {
    if (!this.reachable) throw new TypeError('network')
    const json = (value: unknown, status = 200) => new Response(JSON.stringify(value), { status })
    if (!this.loggedIn) return json({ field: 'login', meaning: 'forbidden' }, 401)
    if (input.startsWith('/auth/session')) {
      return json({ login: 'ada@univ.example', name: 'Ada Lovelace', addresses: ['ada@univ.example'], account: this.account, csrf: 'c', language: 'fr', isAdministrator: false })
    }
    if (input.startsWith('/jmap/session')) return json(this.#session())
    if (input.startsWith('/jmap/upload/')) return json({ blobId: `u${this.#next++}`, size: 1, type: 'text/plain' })
    if (input !== '/jmap/api') return json({}, 404)
    const { methodCalls } = JSON.parse(String(init?.body)) as { methodCalls: Invocation[] }
    this.requests.push(methodCalls)
    const methodResponses = this.#run(methodCalls)
    if (this.loseNextAnswer) {
      this.loseNextAnswer = false
      throw new TypeError('network')
    }
    return json({ methodResponses, sessionState: 's' })
  }

  #session(): unknown {
    const capabilities = Object.fromEntries(['core', 'mail', 'submission', 'vacationresponse', 'sieve', 'quota'].map((name) => [`urn:ietf:params:jmap:${name}`, {}]))
    return {
      username: 'ada@univ.example', accounts: { [this.account]: { name: 'Ada', isPersonal: true, isReadOnly: false, accountCapabilities: capabilities } },
      primaryAccounts: Object.fromEntries(Object.keys(capabilities).map((name) => [name, this.account])), capabilities, apiUrl: '/jmap/api',
      uploadUrl: '/jmap/upload/{accountId}/', downloadUrl: '/jmap/download/{accountId}/{blobId}/{name}?accept={type}',
      eventSourceUrl: '/jmap/eventsource/?types={types}&closeafter={closeafter}&ping={ping}', state: 's',
    }
  }

  #of(type: string): Map<Id, Kept> {
    const there = this.#types.get(type) ?? new Map<Id, Kept>()
    this.#types.set(type, there)
    return there
  }

  #run(calls: Invocation[]): Invocation[] {
    const answers: Invocation[] = []
    const made = new Map<string, Id>()
    for (const [name, raw, callId] of calls) {
      const [type = '', verb] = name.split('/')
      const args = this.#references(raw, answers)
      const methods: Record<string, () => Args> = {
        get: () => this.#get(type, args), set: () => this.#set(type, args, made), changes: () => this.#changes(type, args),
        query: () => this.#query(args), queryChanges: () => this.#queryChanges(args),
      }
      const method = methods[verb ?? '']
      answers.push(method ? [name, { accountId: this.account, ...method() }, callId] : ['error', { type: 'unknownMethod' }, callId])
      const update = (args['onSuccessUpdateEmail'] ?? {}) as Record<string, Patch>
      for (const [at, patch] of Object.entries(update)) this.#update(made, this.#submitted(made, at), patch)
    }
    return answers
  }

  #submitted(made: Map<string, Id>, at: string): Id {
    const submission = this.object('EmailSubmission', made.get(at.slice(1)) ?? at)
    return String(submission?.['emailId'] ?? '')
  }

  #update(made: Map<string, Id>, id: Id, patch: Patch): void {
    this.update('Email', id.startsWith('#') ? (made.get(id.slice(1)) ?? id) : id, patch)
  }

  #references(args: Args, answers: Invocation[]): Args {
    const ids = args['#ids'] as { resultOf: string } | undefined
    if (!ids) return args
    const from = answers.find((answer) => answer[2] === ids.resultOf)
    return { ...args, ids: from?.[1]['ids'] }
  }

  #counted(object: JmapObject): JmapObject {
    const emails = [...this.#of('Email').values()].filter((kept) => !kept.gone && (kept.object as Email).mailboxIds[object.id])
    const unread = emails.filter((kept) => !(kept.object as Email).keywords['$seen'])
    return { ...object, totalEmails: emails.length, unreadEmails: unread.length, totalThreads: emails.length, unreadThreads: unread.length }
  }

  #get(type: string, args: Args): Args {
    const ids = (args['ids'] as Id[] | null | undefined) ?? [...this.#of(type).keys()].filter((id) => this.object(type, id))
    const properties = args['properties'] as string[] | undefined
    const list: JmapObject[] = []
    for (const id of ids) {
      const object = this.object(type, id)
      if (!object) continue
      const whole = type === 'Mailbox' ? this.#counted(object) : object
      list.push(properties ? (Object.fromEntries(properties.map((name) => [name, whole[name]])) as JmapObject) : whole)
    }
    return { state: String(this.#state), list, notFound: ids.filter((id) => !this.object(type, id)) }
  }

  #set(type: string, args: Args, made: Map<string, Id>): Args {
    const before = String(this.#state)
    const created: Record<string, JmapObject> = {}
    const updated: Record<Id, null> = {}
    const notUpdated: Record<Id, SetError> = {}
    for (const [local, object] of Object.entries((args['create'] ?? {}) as Record<string, Args>)) {
      const emailId = object['emailId']
      const whole = typeof emailId === 'string' && emailId.startsWith('#') ? { ...object, emailId: made.get(emailId.slice(1)) } : object
      const id = this.add(type, type === 'Email' ? { threadId: `t${local}`, receivedAt: '2026-11-22T12:00:00Z', preview: '', size: 1, hasAttachment: false, blobId: `b${local}`, ...whole } : whole)
      made.set(local, id)
      created[local] = { id }
      if (type === 'EmailSubmission') this.sentMail.push({ email: this.object('Email', String(whole['emailId'])) ?? { id: '' }, submission: { ...whole, id } })
    }
    for (const [id, patch] of Object.entries((args['update'] ?? {}) as Record<Id, Patch>)) {
      if (this.object(type, id)) {
        this.update(type, id, patch)
        updated[id] = null
      } else notUpdated[id] = { type: 'notFound' }
    }
    const destroyed = ((args['destroy'] ?? []) as Id[]).filter((id) => this.destroy(type, id))
    return { oldState: before, newState: String(this.#state), created, updated, destroyed, notUpdated }
  }

  #changes(type: string, args: Args): Args {
    const since = Number(args['sinceState'])
    const changed = [...this.#of(type).entries()].filter(([, kept]) => kept.changed > since)
    const ids = (keep: (kept: Kept) => boolean) => changed.filter(([, kept]) => keep(kept)).map(([id]) => id)
    return {
      oldState: args['sinceState'], newState: String(this.#state), hasMoreChanges: false, created: ids((kept) => kept.created > since && !kept.gone),
      updated: type === 'Mailbox' ? [...this.#of(type).keys()] : ids((kept) => kept.created <= since && !kept.gone), destroyed: ids((kept) => kept.created <= since && kept.gone),
    }
  }

  #results(args: Args): Id[] {
    const emails = [...this.#of('Email').values()].filter((kept) => !kept.gone).map((kept) => kept.object as Email)
    const { header, ...filter } = (args['filter'] ?? {}) as Record<string, unknown>
    const named = (email: Email) => !header || (email.messageId ?? []).includes((header as string[])[1] ?? '')
    const found = emails.filter((email) => named(email) && matches(filter as Filter, email))
    found.sort((a, b) => compare((args['sort'] ?? []) as Comparator[], a, b))
    const threads = new Set<Id>()
    const first = (email: Email) => !threads.has(email.threadId) && threads.add(email.threadId)
    return (args['collapseThreads'] ? found.filter(first) : found).map((email) => email.id)
  }

  #query(args: Args): Args {
    const ids = this.#results(args)
    const position = Number(args['position'] ?? 0)
    const page = ids.slice(position, position + Number(args['limit'] ?? 500))
    return { queryState: String(this.#state), canCalculateChanges: true, position, ids: page, total: ids.length }
  }

  /** Everything that changed is taken out and put in again: allowed, and plain. */
  #queryChanges(args: Args): Args {
    const since = Number(args['sinceQueryState'])
    const changed = new Set([...this.#of('Email').entries()].filter(([, kept]) => kept.changed > since).map(([id]) => id))
    const ids = this.#results(args)
    const upTo = args['upToId'] ? ids.indexOf(String(args['upToId'])) : -1
    const added = ids.map((id, index) => ({ id, index })).filter(({ id, index }) => changed.has(id) && (upTo === -1 || index <= upTo))
    return { oldQueryState: args['sinceQueryState'], newQueryState: String(this.#state), total: ids.length, removed: [...changed], added }
  }
}
