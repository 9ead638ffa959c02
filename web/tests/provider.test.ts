import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { imapByToken, submissionByToken } from './lines.ts'
import { NAME, University } from './university.ts'
import { World } from './world.ts'

const ADA = 'u1@bench.test'
let world: World
let university: University

beforeAll(async () => {
  world = await World.open(3)
  await world.command(['user', 'state', 'u2@bench.test', 'lock'])
  await world.command(['group', 'add', 'students@bench.test'])
  await world.command(['role', 'add', 'Desk', 'account.read'])
  university = await University.open(world)
  await world.command(['provider', 'map', NAME, 'students', '--group', 'students@bench.test'])
  await world.command(['provider', 'map', NAME, 'desk', '--role', 'Desk'])
  Object.assign(university.people, {
    ada: { email: ADA, email_verified: true, name: 'Ada Lovelace', groups: ['students', 'desk'] },
    grace: { email: 'grace@bench.test', email_verified: true, name: 'Grace Hopper', given_name: 'Grace', family_name: 'Hopper', groups: ['students'] },
    eve: { email: ADA, email_verified: false, name: 'Eve' },
    mallory: { email: 'mallory@far.example', email_verified: true, name: 'Mallory' },
    bob: { email: 'u2@bench.test', email_verified: true, name: 'Bob' },
  })
}, 120_000)
afterAll(async () => {
  university.close()
  await world.close()
})

/** A page of a browser that knows nothing yet. */
async function fresh(language = 'fr'): Promise<Page> {
  const page = await (await world.context({ language })).newPage()
  page.setDefaultTimeout(20_000)
  return page
}

interface Answer {
  status: number
  body: Record<string, unknown>
}

/** What the server says to the page; with a body, to a request that changes something. */
const ask = (page: Page, path: string, body?: object): Promise<Answer> =>
  page.evaluate(async ([path, body]) => {
    if (!body) {
      const answer = await fetch(path)
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
    }
    const { csrf } = (await (await fetch('/auth/session')).json()) as { csrf: string }
    const headers = { 'content-type': 'application/json', 'x-beffroi-csrf': csrf }
    const answer = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) })
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }, [path, body] as const)

/** Begins a login without a browser: its cookie, and where it would go. */
async function begin(): Promise<{ cookie: string; target: URL; state: string }> {
  const number = university.callback.split('/').pop() ?? ''
  const answer = await fetch(`${university.client}/auth/oidc/start?provider=${number}&to=/mail`, { redirect: 'manual' })
  expect(answer.status).toBe(303)
  const [cookie = ''] = answer.headers.getSetCookie()
  expect(cookie).toMatch(/HttpOnly; SameSite=Lax/)
  const target = new URL(answer.headers.get('location') ?? '')
  return { cookie: cookie.split(';')[0] ?? '', target, state: target.searchParams.get('state') ?? '' }
}

/** Ends a login without a browser, as it should not: where it leads. */
async function end(cookie: string, query: Record<string, string>, callback = university.callback): Promise<string | null> {
  const headers: Record<string, string> = cookie ? { cookie } : {}
  const answer = await fetch(`${university.client}${callback}?${new URLSearchParams(query)}`, { redirect: 'manual', headers })
  expect(answer.status).toBe(303)
  expect(answer.headers.getSetCookie().filter((one) => /session=[^;]/.test(one))).toEqual([])
  return answer.headers.get('location')
}

describe('people', () => {
  it('r08 someone known comes from a provider with groups and roles, and loses them with the claim', async () => {
    const page = await fresh()
    expect((await university.logIn(page, 'ada')).pathname).toBe('/mail')
    const { body } = await ask(page, '/auth/session')
    expect(body).toMatchObject({ login: ADA, byProvider: true, roles: [{ verb: 'account.read', scope: 'organisation' }] })
    expect((await world.command(['group', 'members', 'students@bench.test'])).map((row) => row['address'])).toEqual([ADA])
    university.people['ada'] = { email: ADA, email_verified: true, name: 'Ada Lovelace', groups: [] }
    await page.context().clearCookies()
    await university.logIn(page, 'ada')
    expect((await ask(page, '/auth/session')).body['roles']).toEqual([])
    expect(await world.command(['group', 'members', 'students@bench.test'])).toEqual([])
    await page.context().close()
  })

  it('r08 someone new gets an account at the first login, and strangers get none', async () => {
    const page = await fresh('en')
    expect((await university.logIn(page, 'grace', `With ${NAME}`)).pathname).toBe('/mail')
    expect((await ask(page, '/auth/session')).body).toMatchObject({ login: 'grace@bench.test', name: 'Grace Hopper' })
    expect((await world.command(['group', 'members', 'students@bench.test'])).map((row) => row['address'])).toEqual(['grace@bench.test'])
    await page.context().close()
    for (const [who, code, words] of [['eve', 'claims', /assez/], ['mallory', 'unknown', /compte/], ['bob', 'closed', /ouvert/]] as const) {
      const other = await fresh()
      expect((await university.logIn(other, who)).search, who).toBe(`?error=${code}`)
      await other.getByRole('alert').filter({ hasText: words }).waitFor()
      expect((await ask(other, '/auth/session')).status).toBe(401)
      await other.context().close()
    }
  })

  it('r08 after a login at a provider people are on this site', async () => {
    const number = university.callback.split('/').pop() ?? ''
    const wishes = [['/settings/security', '/settings/security'], ['//evil.example/', '/mail'], ['https://evil.example/', '/mail'], ['/\\evil.example', '/mail']] as const
    for (const [to, path] of wishes) {
      const page = await fresh()
      await page.goto(`${university.client}/auth/oidc/start?provider=${number}&to=${encodeURIComponent(to)}`)
      await university.fill(page, 'ada')
      await university.home(page)
      await page.waitForURL(`${university.client}${path}`)
      await page.context().close()
    }
  })
})

describe('thieves', () => {
  it('r08 a login is begun with proof, state and nonce of its own', async () => {
    const [one, other] = [await begin(), await begin()]
    expect(one.target.origin).toBe(university.issuer)
    expect(one.target.searchParams.get('code_challenge_method')).toBe('S256')
    for (const name of ['state', 'nonce', 'code_challenge']) {
      expect(one.target.searchParams.get(name)?.length, name).toBeGreaterThanOrEqual(43)
      expect(one.target.searchParams.get(name)).not.toBe(other.target.searchParams.get(name))
    }
  })

  it('r08 nobody ends the login of another, or mixes up providers', async () => {
    const { cookie, state } = await begin()
    const query = { code: 'x', state, iss: university.issuer }
    expect(await end('', query)).toBe('/login?error=state')
    expect(await end(cookie, { ...query, state: 'other' })).toBe('/login?error=state')
    expect(await end(cookie, { code: 'x', iss: university.issuer })).toBe('/login?error=state')
    expect(await end(`${cookie}x`, query)).toBe('/login?error=state')
    expect(await end(cookie, query, university.callback.replace(/\d+$/, '99'))).toBe('/login?error=state')
    expect(await end(cookie, { ...query, iss: 'https://evil.example' }), 'mixed up').toBe('/login?error=provider')
    expect(await end(cookie, query), 'it counts once, whatever came of it').toBe('/login?error=state')
    const without = await begin()
    expect(await end(without.cookie, { code: 'x', state: without.state }), 'it names itself').toBe('/login?error=provider')
    const refused = await begin()
    expect(await end(refused.cookie, { error: 'access_denied', state: refused.state, iss: university.issuer })).toBe('/login?error=provider')
  })

  it('r08 a code is good in its own login, and once', async () => {
    const [one, other] = [await begin(), await begin()]
    const stolen = await university.code(await fresh(), one.target, 'ada')
    expect(await end(other.cookie, { ...stolen, state: other.state }), 'injected into another login').toBe('/login?error=provider')
    const own = await begin()
    const query = await university.code(await fresh(), own.target, 'ada')
    const answer = await fetch(`${university.client}${university.callback}?${new URLSearchParams(query)}`, { redirect: 'manual', headers: { cookie: own.cookie } })
    expect(answer.headers.get('location')).toBe('/mail')
    expect(answer.headers.getSetCookie().some((cookie) => /^beffroi-session=[^;]{30}.*HttpOnly; SameSite=Strict/.test(cookie))).toBe(true)
    expect(await end(own.cookie, query), 'replayed').toBe('/login?error=state')
    const late = await begin()
    expect(await end(late.cookie, { ...query, state: late.state }), 'used before').toBe('/login?error=provider')
  })
})

describe('logouts', () => {
  it('r08 b40 a logout at the provider closes what is open here at once', async () => {
    const page = await fresh()
    await university.logIn(page, 'ada')
    await page.evaluate(() => {
      const source = new EventSource('/jmap/eventsource/?types=*&closeafter=no&ping=0')
      source.onopen = () => (document.documentElement.dataset['stream'] = 'open')
      source.onerror = () => ((document.documentElement.dataset['stream'] = 'closed'), source.close())
    })
    await page.waitForSelector('html[data-stream=open]', { state: 'attached' })
    const there = await page.context().newPage()
    await there.goto(`${university.issuer}/session/end`)
    await university.leave(there)
    await expect.poll(() => university.told).toEqual(['success'])
    await page.waitForSelector('html[data-stream=closed]', { state: 'attached' })
    expect((await ask(page, '/auth/session')).status).toBe(401)
    await page.context().close()
  })

  it('r08 a logout here leads to the one there', async () => {
    const page = await fresh()
    await university.logIn(page, 'ada')
    const { body } = await ask(page, '/auth/logout', {})
    expect(body['to']).toMatch(`${university.issuer}/session/end?`)
    await page.goto(String(body['to']))
    await university.leave(page)
    await page.waitForURL(`${university.client}/login**`)
    await page.context().close()
  })

  it('r08 logout tokens of others end nothing', async () => {
    const page = await fresh()
    await university.logIn(page, 'ada')
    const { access_token, id_token } = await university.tokens(await fresh(), 'mailer', 'ada')
    for (const token of ['', 'x', 'a.b.c', access_token, id_token]) {
      const body = new URLSearchParams({ logout_token: token })
      expect((await fetch(`${university.client}/auth/oidc/backchannel-logout`, { method: 'POST', body })).status).toBe(400)
    }
    expect((await ask(page, '/auth/session')).status).toBe(200)
    await page.context().close()
  })
})

describe('mail programs', () => {
  for (const client of ['mailer', 'opaque']) {
    it(`r08 tokens of a provider open mail, ${client}`, async () => {
      const page = await fresh()
      const { access_token, id_token } = await university.tokens(page, client, 'ada')
      await page.context().close()
      expect(access_token.split('.').length === 3).toBe(client === 'mailer')
      const [imap, submission] = [world.door('imap'), world.door('submission')]
      for (const mechanism of ['OAUTHBEARER', 'XOAUTH2']) {
        expect(await imapByToken(imap, ADA, access_token, mechanism)).toMatch(/^a OK/)
        expect(await submissionByToken(submission, ADA, access_token, mechanism)).toMatch(/^235 /)
      }
      expect(await imapByToken(imap, 'grace@bench.test', access_token), 'of somebody else').not.toMatch(/^a OK/)
      expect(await submissionByToken(submission, 'grace@bench.test', access_token)).not.toMatch(/^235/)
      expect(await imapByToken(imap, ADA, `${access_token}x`)).not.toMatch(/^a OK/)
      expect(await imapByToken(imap, ADA, id_token), 'what tells who one is opens nothing').not.toMatch(/^a OK/)
    })
  }

  it('r08 a good token of a stranger opens nothing', async () => {
    const page = await fresh()
    const { access_token } = await university.tokens(page, 'mailer', 'mallory')
    expect(await imapByToken(world.door('imap'), ADA, access_token)).not.toMatch(/^a OK/)
    expect(await imapByToken(world.door('imap'), '', access_token)).not.toMatch(/^a OK/)
    await page.context().close()
  })
})
