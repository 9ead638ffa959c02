// A real provider of OpenID Connect (npm oidc-provider) with people of its own, and the mail programs that get tokens there.
import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Provider } from 'oidc-provider'
import type { Page } from 'playwright-core'
import type { World } from './world.ts'

export const NAME = 'Example University'
export const AUDIENCE = 'https://mail.bench.test/'
const SECRET = 'a secret with spaces, + and %'
/** Where mail programs are sent back to; nobody is there. */
const MAILER = 'http://127.0.0.1:9/back'

interface Claims {
  email: string
  email_verified: boolean
  name: string
  given_name?: string
  family_name?: string
  groups?: string[]
}

export class University {
  readonly people: Record<string, Claims> = {}
  /** What became of the logouts that it told others. */
  readonly told: string[] = []
  /** The path that it sends people back to, as `beffroi provider add` named it. */
  callback = ''

  private constructor(
    private readonly server: Server,
    /** Where the mail server is, in the words of its people's browsers. */
    readonly client: string,
  ) {}

  get issuer(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  /** Opens one, and makes it known to the server. It lies on another site than the server for a browser. */
  static async open(world: World): Promise<University> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const university = new University(server, world.address.replace('127.0.0.1', 'localhost'))
    const words = ['makes_people=yes', `token_audience=${AUDIENCE}`, 'introspects=yes']
    const [added] = await world.command(['provider', 'add', NAME, university.issuer, 'beffroi', '--secret', ...words], SECRET)
    university.callback = String(added?.['callback'])
    const provider = new Provider(university.issuer, university.#configuration())
    provider.on('backchannel.success', () => university.told.push('success'))
    provider.on('backchannel.error', (_, error) => university.told.push(String(error)))
    provider.on('server_error', (_, error) => console.error(error))
    server.on('request', provider.callback())
    return university
  }

  close(): void {
    this.server.closeAllConnections()
    this.server.close()
  }

  #configuration(): Record<string, unknown> {
    const mailer = (client_id: string) => ({
      client_id, token_endpoint_auth_method: 'none', redirect_uris: [MAILER], application_type: 'native', grant_types: ['authorization_code'], response_types: ['code'],
    })
    const beffroi = {
      client_id: 'beffroi',
      client_secret: SECRET,
      redirect_uris: [this.client + this.callback],
      post_logout_redirect_uris: [`${this.client}/login`],
      backchannel_logout_uri: `${this.client}/auth/oidc/backchannel-logout`,
      backchannel_logout_session_required: true,
    }
    return {
      clients: [beffroi, mailer('mailer'), mailer('opaque')],
      claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'given_name', 'family_name', 'groups'] },
      cookies: { keys: ['a key of a test'] },
      // As it is, the library speaks to no server on this machine, and logouts would never arrive.
      fetch: (url: string, options: RequestInit & { dispatcher?: unknown }) => fetch(url, { ...options, dispatcher: undefined } as RequestInit),
      features: {
        devInteractions: { enabled: true },
        rpInitiatedLogout: { enabled: true },
        backchannelLogout: { enabled: true },
        introspection: { enabled: true, allowedPolicy: () => true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => undefined,
          useGrantedResource: () => true,
          getResourceServerInfo: (_: unknown, resource: string, client: { clientId: string }) => ({
            scope: 'mail', audience: resource, accessTokenTTL: 600, accessTokenFormat: client.clientId === 'opaque' ? 'opaque' : 'jwt',
          }),
        },
      },
      findAccount: (_: unknown, id: string) => {
        const claims = this.people[id]
        return claims && { accountId: id, claims: () => ({ sub: id, ...claims }) }
      },
    }
  }

  /** Fills its pages: who one is, and that the program may know. */
  async fill(page: Page, who: string): Promise<void> {
    await page.fill('input[name=login]', who)
    await page.fill('input[name=password]', 'any')
    await page.getByRole('button', { name: 'Sign-in' }).click()
    const consent = page.getByRole('button', { name: 'Continue' })
    const isAway = page.waitForURL((url) => url.origin !== this.issuer).catch(() => undefined)
    await Promise.race([consent.waitFor().catch(() => undefined), isAway])
    if (page.url().startsWith(this.issuer)) await consent.click()
  }

  /** Says yes on its page for logouts. */
  async leave(page: Page): Promise<void> {
    await page.getByRole('button', { name: /sign me out/i }).click()
  }

  /** Logs in through the button of the login page, and gives the address that it ends at. */
  async logIn(page: Page, who: string, button = `Avec ${NAME}`): Promise<URL> {
    await page.goto(`${this.client}/login`)
    await page.getByRole('link', { name: button }).click()
    await this.fill(page, who)
    return this.home(page)
  }

  /** Waits until the browser is back. */
  async home(page: Page): Promise<URL> {
    await page.waitForURL((url) => url.href.startsWith(this.client) && !url.pathname.startsWith('/auth/'))
    return new URL(page.url())
  }

  /** What it answers to a login that began elsewhere: the browser that is sent back there carries nothing of it. */
  async code(page: Page, target: URL, who: string): Promise<Record<string, string>> {
    const back = page.waitForRequest((request) => request.url().startsWith(this.client + this.callback))
    await page.goto(target.href)
    await this.fill(page, who)
    const query = Object.fromEntries(new URL((await back).url()).searchParams)
    await page.context().close()
    return query
  }

  /** The tokens of a mail program, as it gets them: in a browser. */
  async tokens(page: Page, client: string, who: string): Promise<{ access_token: string; id_token: string }> {
    const verifier = 'a'.repeat(50)
    const challenge = createHash('sha256').update(verifier).digest('base64url')
    const query = new URLSearchParams({
      client_id: client, response_type: 'code', redirect_uri: MAILER, scope: 'openid mail', resource: AUDIENCE,
      code_challenge: challenge, code_challenge_method: 'S256',
    })
    const back = page.waitForRequest((request) => request.url().startsWith(MAILER))
    await page.goto(`${this.issuer}/auth?${query}`)
    await this.fill(page, who)
    const code = new URL((await back).url()).searchParams.get('code') ?? ''
    const form = { grant_type: 'authorization_code', code, redirect_uri: MAILER, client_id: client, code_verifier: verifier, resource: AUDIENCE }
    const answer = await fetch(`${this.issuer}/token`, { method: 'POST', body: new URLSearchParams(form) })
    const told = (await answer.json()) as { access_token: string; id_token: string }
    if (!told.access_token) throw new Error(JSON.stringify(told))
    return told
  }
}
