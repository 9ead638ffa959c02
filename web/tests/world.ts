// A running Beffroi, as `beffroi demo` starts it, behind a gate that can be shut; people in it; and a browser.
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { Person } from './person.ts'
import { Lmtp } from './lmtp.ts'

interface Ready {
  doors: Record<string, string>
  administrator: { login: string; password: string }
  people: { login: string; password: string }[]
}

export class World {
  /** False: the browser reaches nobody, as in a train. */
  reachable = true
  readonly #sockets = new Set<Socket>()
  #gate!: Server

  private constructor(
    private readonly server: ChildProcess,
    private readonly folder: string,
    private readonly ready: Ready,
    private readonly browser: Browser,
  ) {}

  /** The program is named by `TESTED_BEFFROI`; `cargo xtask test` does that. */
  static async open(people: number): Promise<World> {
    const program = process.env['TESTED_BEFFROI']
    if (!program) throw new Error('TESTED_BEFFROI names no server: run cargo xtask test, or set it to a built beffroi')
    const folder = await mkdtemp(join(tmpdir(), 'beffroi-web-'))
    const words = ['demo', '--data-dir', folder, '--port-base', '0', '--people', String(people), '--json']
    const server = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] })
    const line = await new Promise<string>((resolve, reject) => {
      server.once('exit', (code) => reject(new Error(`the server ended with ${code}`)))
      createInterface({ input: server.stdout }).once('line', resolve)
    })
    const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
    const world = new World(server, folder, JSON.parse(line) as Ready, browser)
    await world.#openGate()
    return world
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#gate.address() as AddressInfo).port}`
  }

  /** The person `u<number>@bench.test`. */
  person(number: number): Person {
    const { login, password } = this.ready.people.find((one) => one.login.startsWith(`u${number}@`)) ?? { login: '', password: '' }
    return new Person(this.ready.doors['http'] ?? '', login, password)
  }

  get administrator(): Person {
    return new Person(this.ready.doors['http'] ?? '', this.ready.administrator.login, this.ready.administrator.password)
  }

  /** Where a door is: host and port. */
  door(name: string): string {
    return this.ready.doors[name] ?? ''
  }

  /** What `beffroi` answers to words of the administration, beside the running server. */
  async command(words: string[], line = ''): Promise<Record<string, unknown>[]> {
    const program = process.env['TESTED_BEFFROI'] ?? ''
    const ending = ['--json', '--yes', '--data-dir', this.folder]
    const command = spawn(program, [...words, ...ending], { stdio: ['pipe', 'pipe', 'inherit'] })
    command.stdin.end(line)
    const rows: Record<string, unknown>[] = []
    const ended = new Promise((resolve) => command.once('close', resolve))
    for await (const row of createInterface({ input: command.stdout })) rows.push(JSON.parse(row) as Record<string, unknown>)
    if ((await ended) !== 0) throw new Error(`beffroi ${words.join(' ')} failed`)
    return rows
  }

  /** Hands messages over as a mail server does; they are in the inbox when this returns. */
  async deliver(person: Person, messages: string[]): Promise<void> {
    const lmtp = await Lmtp.open(this.ready.doors['lmtp'] ?? '')
    for (const message of messages) await lmtp.deliver(person.login, message)
    await lmtp.close()
  }

  /** A browser of somebody, with what they chose. */
  async context(preferences: Record<string, unknown> = {}, size = { width: 1440, height: 900 }): Promise<BrowserContext> {
    const context = await this.browser.newContext({ viewport: size, locale: 'fr-FR' })
    const chosen = { language: 'fr', theme: 'light', density: 'comfortable', ...preferences }
    await context.addInitScript((value) => localStorage.getItem('beffroi-preferences') ?? localStorage.setItem('beffroi-preferences', JSON.stringify(value)), chosen)
    return context
  }

  /** A page of somebody who logged in with name and password on the page for it. */
  async page(person: Person, context?: BrowserContext, path = '/mail'): Promise<Page> {
    const page = await (context ?? (await this.context())).newPage()
    await page.goto(this.address + path)
    const name = page.locator('input[name=username]')
    await name.or(page.locator('main#content')).first().waitFor()
    if (await name.isVisible()) {
      await name.fill(person.login)
      await page.locator('input[name=password]').fill(person.password)
      await page.keyboard.press('Enter')
      await page.locator('main#content').waitFor()
      if (path !== '/mail') await page.goto(this.address + path)
    }
    return page
  }

  shut(): void {
    this.reachable = false
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    await this.browser.close()
    const ended = new Promise((resolve) => this.server.once('exit', resolve))
    this.server.kill('SIGTERM')
    this.shut()
    this.#gate.close()
    await ended
    await rm(this.folder, { recursive: true, force: true })
  }

  async #openGate(): Promise<void> {
    const { hostname, port } = new URL(this.ready.doors['http'] ?? '')
    this.#gate = createServer((outside) => {
      if (!this.reachable) return void outside.destroy()
      const inside = connect(Number(port), hostname)
      for (const [one, other] of [[outside, inside], [inside, outside]] as const) {
        this.#sockets.add(one)
        one.on('error', () => other.destroy()).on('close', () => (this.#sockets.delete(one), other.destroy())).pipe(other)
      }
    })
    await new Promise<void>((resolve) => this.#gate.listen(0, '127.0.0.1', resolve))
  }
}
