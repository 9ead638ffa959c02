// Web Push: a push service of our own stands where the browser's would; what it gets is opened as a browser opens it
// (RFC 8291) and handed to the service worker.
import { createDecipheriv, createECDH, createHmac, randomBytes, type ECDH } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { CDPSession, Page } from 'playwright-core'
import { letter } from './letters.ts'
import { World } from './world.ts'

const PATIENT = { timeout: 10_000 }

let world: World
beforeAll(async () => {
  world = await World.open(2)
}, 60_000)
afterAll(() => world.close())

const hmac = (key: Buffer, ...text: Buffer[]) => createHmac('sha256', key).update(Buffer.concat(text)).digest()

class PushService {
  readonly keys: ECDH = createECDH('prime256v1')
  readonly secret = randomBytes(16)
  readonly #server: Server
  readonly #messages: string[] = []
  #wake = () => {}

  constructor() {
    this.keys.generateKeys()
    this.#server = createServer((request, answer) => {
      const pieces: Buffer[] = []
      request.on('data', (piece: Buffer) => pieces.push(piece)).on('end', () => {
        this.#messages.push(this.#opened(Buffer.concat(pieces)))
        answer.writeHead(201).end()
        this.#wake()
      })
    }).listen(0, '127.0.0.1')
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/push`
  }

  async next(): Promise<string> {
    while (!this.#messages.length) await new Promise<void>((resolve) => (this.#wake = resolve))
    return this.#messages.shift() ?? ''
  }

  close(): void {
    this.#server.close()
  }

  #opened(body: Buffer): string {
    const [salt, theirs, sealed] = [body.subarray(0, 16), body.subarray(21, 86), body.subarray(86)]
    const info = Buffer.concat([Buffer.from('WebPush: info\0'), this.keys.getPublicKey(), theirs, Buffer.from([1])])
    const second = hmac(salt, hmac(hmac(this.secret, this.keys.computeSecret(theirs)), info))
    const key = hmac(second, Buffer.from('Content-Encoding: aes128gcm\0\x01')).subarray(0, 16)
    const nonce = hmac(second, Buffer.from('Content-Encoding: nonce\0\x01')).subarray(0, 12)
    const cipher = createDecipheriv('aes-128-gcm', key, nonce).setAuthTag(sealed.subarray(-16))
    const text = Buffer.concat([cipher.update(sealed.subarray(0, -16)), cipher.final()])
    return text.subarray(0, text.lastIndexOf(2)).toString()
  }
}

/** Headless browsers have no push service: what they would have been given by theirs is given to the page. */
async function use(page: Page, service: PushService): Promise<void> {
  const subscription = { endpoint: service.address, keys: { p256dh: service.keys.getPublicKey('base64url'), auth: service.secret.toString('base64url') } }
  await page.addInitScript((given) => {
    let made: PushSubscription | null = null
    PushManager.prototype.getSubscription = () => Promise.resolve(made)
    PushManager.prototype.subscribe = () => Promise.resolve((made = { toJSON: () => given, unsubscribe: () => Promise.resolve(!(made = null)) } as unknown as PushSubscription))
  }, subscription)
}

async function workers(page: Page): Promise<{ session: CDPSession; registration: () => Promise<string> }> {
  const session = await page.context().newCDPSession(page)
  let id = ''
  session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => (id = registrations.at(-1)?.registrationId ?? id))
  await session.send('ServiceWorker.enable')
  return { session, registration: async () => (await expect.poll(() => id, PATIENT).not.toBe(''), id) }
}

it('B01 a browser that looks elsewhere is told of new mail by its push service', async () => {
  const service = new PushService()
  const person = world.person(1)
  const context = await world.context()
  await context.grantPermissions(['notifications'], { origin: world.address })
  const page = await context.newPage()
  await use(page, service)
  await page.goto(world.address)
  await page.locator('input[name=username]').fill(person.login)
  await page.locator('input[name=password]').fill(person.password)
  await page.keyboard.press('Enter')
  await page.locator('main#content').waitFor()
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined))
  const { session, registration } = await workers(page)
  const registrationId = await registration()
  const push = async (): Promise<unknown> => {
    const data = await service.next()
    await session.send('ServiceWorker.deliverPushMessage', { origin: world.address, registrationId, data })
    return JSON.parse(data)
  }
  const shown = () => page.evaluate(async () => (await (await navigator.serviceWorker.ready).getNotifications()).map((one) => [one.title, one.body]))
  const kept = async () => {
    const answer = await page.evaluate(async () => {
      const { csrf } = await (await fetch('/auth/session')).json()
      const body = JSON.stringify({ using: ['urn:ietf:params:jmap:core'], methodCalls: [['PushSubscription/get', { ids: null }, '0']] })
      return (await fetch('/jmap/api', { method: 'POST', headers: { 'content-type': 'application/json', 'x-beffroi-csrf': csrf }, body })).json()
    })
    return answer.methodResponses[0][1].list as { verificationCode: string | null; types: string[] }[]
  }

  await page.goto(`${world.address}/settings`)
  await page.getByRole('checkbox', { name: 'Signaler les nouveaux messages' }).check()
  expect(await push()).toMatchObject({ '@type': 'PushVerification' })
  await expect.poll(async () => (await kept())[0]?.verificationCode ?? null, PATIENT).not.toBe(null)
  expect((await kept())[0]?.types).toEqual(['EmailDelivery'])

  await world.deliver(person, [letter({ subject: 'La cloche sonne' })])
  await push()
  await expect.poll(shown, PATIENT).toEqual([[expect.any(String), 'La cloche sonne']])

  await page.getByRole('checkbox', { name: 'Signaler les nouveaux messages' }).uncheck()
  await expect.poll(kept, PATIENT).toEqual([])
  service.close()
  await context.close()
}, 60_000)
