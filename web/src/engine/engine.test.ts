import 'fake-indexeddb/auto'
import { IDBFactory } from 'fake-indexeddb'
import { beforeEach, describe, expect, it } from 'vitest'
import { JmapClient, Unreachable } from '../jmap/client.ts'
import type { Email } from '../jmap/types.ts'
import { TestServer } from '../testing/server.ts'
import { Engine, type Surroundings } from './engine.ts'
import type { Events, QuerySpec, QueryView, Sending } from './protocol.ts'

let server: TestServer
let account: string | null
let now: number
const told: { [Name in keyof Events]?: Events[Name][] } = {}

function surroundings(): Surroundings {
  return {
    now: () => now,
    exclusive: (work) => work(),
    upload: () => Promise.reject(new Unreachable('no upload here')),
    eventSource: null,
    lastAccount: { get: async () => account, set: async (value) => void (account = value) },
  }
}

function engine(): Engine {
  return new Engine(new JmapClient(server.fetch), (event, data) => void ((told[event] ??= [] as never) as unknown[]).push(data), surroundings())
}

const inbox = (): QuerySpec => ({
  account: 'a1', filter: { inMailbox: server.mailbox('inbox') }, sort: [{ property: 'receivedAt', isAscending: false }], collapseThreads: true,
})

/** Looks again until the condition holds: what the engine does in the background has no other end. */
async function until<T>(look: () => Promise<T> | T, holds: (value: T) => boolean): Promise<T> {
  for (let tries = 0; ; tries++) {
    const value = await look()
    if (holds(value) || tries > 300) return value
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

const list = (one: Engine, from = 0, count = 30): Promise<QueryView> => one.watch('inbox', inbox(), from, count)
const filled = (one: Engine, from = 0) => until(() => list(one, from), (view) => !view.stale && view.ids.length > 0 && view.ids.every((id) => id !== null))
const idle = (one: Engine) => until(() => one.status().waiting, (waiting) => waiting === 0)

function sending(local: string, delay = 0): Sending {
  return {
    account: 'a1', local, draft: null, identity: 'I8', sent: server.mailbox('sent'), drafts: server.mailbox('drafts'), messageId: `${local}@univ.example`, delay,
    email: { mailboxIds: { [server.mailbox('drafts')]: true }, keywords: { $draft: true }, subject: local, messageId: [`${local}@univ.example`] },
    envelope: { mailFrom: { email: 'ada@univ.example', parameters: null }, rcptTo: [{ email: 'paul.lengrand@univ.example' }] },
  }
}

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory()
  server = new TestServer(200)
  account = null
  now = 1_000_000
  for (const name of Object.keys(told)) delete told[name as keyof Events]
})

describe('lists', () => {
  it('loads windows and leaves holes between them', async () => {
    const one = engine()
    await one.start()
    const top = await filled(one)
    expect(top.total).toBe(200)
    const far = await filled(one, 150)
    expect(far.from).toBe(150)
    expect(far.ids).toHaveLength(30)
    const windows = server.requests.flat().filter(([name]) => name === 'Email/query')
    expect(windows.every(([, args]) => Number(args['limit']) <= 100)).toBe(true)
  })

  it('follows what arrives and what others move away', async () => {
    const one = engine()
    await one.start()
    const before = await filled(one)
    await one.get('a1', 'Email', before.ids.filter((id) => id !== null), ['subject'])
    const arrived = server.deliver(500)
    server.update('Email', before.ids[0] ?? '', { mailboxIds: { [server.mailbox('trash')]: true } })
    await one.connect()
    const after = await until(() => list(one), (view) => view.ids[0] === arrived)
    expect(after.ids[1]).toBe(before.ids[1])
    expect(after.total).toBe(200)
  })
})

describe('offline', () => {
  it('b01 reads, changes and sends without the server, and hands it over on return', async () => {
    const one = engine()
    await one.start()
    const view = await filled(one)
    const id = view.ids[3] ?? ''
    server.reachable = false
    const back = await one.change({ account: 'a1', type: 'Email', update: { [id]: { 'keywords/$seen': true, mailboxIds: { [server.mailbox('archive')]: true } } } })
    await one.send(sending('local-sent'))
    expect(back[id]).toEqual({ 'keywords/$seen': null, mailboxIds: { [server.mailbox('inbox')]: true } })
    await until(() => one.status().online, (online) => !online)
    expect((await list(one)).ids).not.toContain(id)
    expect(server.object('Email', id)?.['keywords']).toEqual({})

    // The browser is closed and opened again, still offline.
    const two = engine()
    const status = await two.start()
    expect(status.phase).toBe('ready')
    expect(status.waiting).toBe(2)
    const again = await list(two)
    expect(again.ids).not.toContain(id)
    expect(again.ids.length).toBeGreaterThan(20)
    const [email] = (await two.get('a1', 'Email', [id], ['subject'])) as Email[]
    expect(email?.keywords['$seen']).toBe(true)

    server.reachable = true
    await two.connect()
    await idle(two)
    expect((server.object('Email', id) as Email).mailboxIds).toEqual({ [server.mailbox('archive')]: true })
    expect(server.sentMail).toHaveLength(1)
    const sent = server.sentMail[0]?.email.id ?? ''
    expect((server.object('Email', sent) as Email).mailboxIds).toEqual({ [server.mailbox('sent')]: true })
  })

  it('b01 a message whose answer was lost is not sent twice', async () => {
    const one = engine()
    await one.start()
    await filled(one)
    server.loseNextAnswer = true
    await one.send(sending('local-once'))
    await until(() => one.status().online, (online) => !online)
    await one.connect()
    await idle(one)
    expect(server.sentMail).toHaveLength(1)
  })

  it('merges with what another device changed meanwhile', async () => {
    const one = engine()
    await one.start()
    const id = (await filled(one)).ids[0] ?? ''
    server.reachable = false
    await one.change({ account: 'a1', type: 'Email', update: { [id]: { 'keywords/$flagged': true } } })
    server.update('Email', id, { 'keywords/$seen': true })
    server.reachable = true
    await one.connect()
    await idle(one)
    expect((server.object('Email', id) as Email).keywords).toEqual({ $flagged: true, $seen: true })
  })

  it('drops changes to what is gone, in silence', async () => {
    const one = engine()
    await one.start()
    const id = (await filled(one)).ids[0] ?? ''
    server.destroy('Email', id)
    await one.change({ account: 'a1', type: 'Email', update: { [id]: { 'keywords/$seen': true } } })
    await idle(one)
    expect(told.failed ?? []).toEqual([])
  })
})

describe('sending', () => {
  it('keeps a message until its time, and takes it back', async () => {
    const one = engine()
    await one.start()
    await one.send(sending('local-late', 10_000))
    expect(server.sentMail).toHaveLength(0)
    expect(await one.unsend(sending('local-late'))).toBe(true)
    now += 20_000
    await one.connect()
    await idle(one)
    expect(server.sentMail).toHaveLength(0)
  })

  it('gives drafts made here their name on the server', async () => {
    const one = engine()
    await one.start()
    server.reachable = false
    await one.change({ account: 'a1', type: 'Email', create: { 'local-draft': { subject: 'first', mailboxIds: { [server.mailbox('drafts')]: true }, keywords: { $draft: true } } } })
    await one.change({ account: 'a1', type: 'Email', update: { 'local-draft': { 'keywords/$flagged': true } } })
    server.reachable = true
    await one.connect()
    await idle(one)
    const id = (told.named ?? []).find((name) => name.local === 'local-draft')?.id ?? ''
    expect((server.object('Email', id) as Email).keywords).toEqual({ $draft: true, $flagged: true })
  })
})

describe('the session', () => {
  it('says when it was ended', async () => {
    const one = engine()
    await one.start()
    server.loggedIn = false
    await one.connect()
    expect(one.status().phase).toBe('loggedOut')
  })
})
