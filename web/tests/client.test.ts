import { readFile, readdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Page } from 'playwright-core'
import { World } from './world.ts'

let world: World
beforeAll(async () => void (world = await World.open(3_000)))
afterAll(() => world.close())

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

/** What axe finds on the page, in words. */
async function findings(page: Page): Promise<string[]> {
  // Through the debugger, since the page runs no script that is not its own.
  await page.evaluate(await readFile(axe, 'utf8'))
  const result = await page.evaluate(() => (globalThis as unknown as { axe: { run: (options: object) => Promise<{ violations: { id: string; nodes: { html: string; any: { message: string }[] }[] }[] }> } }).axe.run({ iframes: false }))
  return result.violations.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 140)} ${node.any[0]?.message ?? ''}`))
}

describe('the list', () => {
  it('b04 a folder of thousands scrolls to its end without blank rows', async () => {
    const page = await world.page(await world.context())
    await page.locator('[data-row="0"]').waitFor()
    await page.locator('.scroll').first().evaluate((element) => element.scrollTo({ top: element.scrollHeight }))
    await page.locator('[data-row="2999"]').waitFor()
    expect(await page.locator('[role=row]').count()).toBeLessThan(60)
    await page.context().close()
  })

  it('b03 twenty messages are triaged by keys alone', async () => {
    const page = await world.page(await world.context())
    await page.locator('[data-row="0"]').waitFor()
    const before = world.server.sentMail.length
    await page.locator('body').press('Enter')
    await page.locator('article').waitFor()
    const archived: (string | null)[] = []
    for (let count = 0; count < 20; count++) {
      const id = new URL(page.url()).pathname.split('/')[3] ?? ''
      archived.push(id)
      await page.locator('body').press('e')
      await page.waitForURL((url) => !url.pathname.endsWith(`/${id}`))
    }
    await expect.poll(() => archived.filter((id) => (world.server.object('Email', id ?? '')?.['mailboxIds'] as Record<string, boolean>)[world.server.mailbox('archive')]).length, { timeout: 15_000 }).toBe(20)
    expect(world.server.sentMail).toHaveLength(before)
    await page.context().close()
  })
})

describe('writing', () => {
  it('b01 a message is written by keys, offline, and leaves on return', async () => {
    const page = await world.page(await world.context({ undoSeconds: 0 }))
    await page.locator('[data-row="0"]').waitFor()
    world.server.reachable = false
    await page.locator('body').press('c')
    await page.getByLabel('À', { exact: true }).waitFor()
    await page.keyboard.type('paul.lengrand@univ.example,')
    await page.getByLabel('Objet').focus()
    await page.keyboard.type('Le beffroi sonne')
    await page.frameLocator('iframe[title="Texte du message"]').locator('[role=textbox]').click()
    await page.keyboard.type('Bonjour Paul')
    await page.keyboard.press('Control+Enter')
    await page.getByText('Le message partira dès que vous serez en ligne').or(page.getByText('Message envoyé')).first().waitFor()
    await page.getByText(/Vous êtes hors connexion\. \d+ changements? attend/).waitFor()
    const before = world.server.sentMail.length
    world.server.reachable = true
    await page.getByRole('button', { name: 'Réessayer' }).click()
    await expect.poll(() => world.server.sentMail.length, { timeout: 15_000 }).toBe(before + 1)
    const { email, submission } = world.server.sentMail.at(-1) ?? { email: { id: '' }, submission: { id: '' } }
    expect(email['subject']).toBe('Le beffroi sonne')
    expect(JSON.stringify(email['bodyValues'])).toContain('Bonjour Paul')
    expect((submission['envelope'] as { rcptTo: unknown[] }).rcptTo).toEqual([{ email: 'paul.lengrand@univ.example' }])
    await page.context().close()
  })
})

describe('reading', () => {
  it('b12 nothing of others is fetched before it is allowed, and no script of a message runs', async () => {
    const html = '<p>Bonjour</p><img src="https://tracker.example/a.png"><img src=x onerror="top.document.title=1"><script>top.document.title=2</script><div style="background:url(https://tracker.example/b.png)">x</div>'
    const id = world.server.deliver(9_000, { bodyValues: { '1': { value: html, isEncodingProblem: false, isTruncated: false } } })
    const page = await world.page(await world.context(), '/login')
    const asked: string[] = []
    page.on('request', (request) => void (new URL(request.url()).origin !== world.address && asked.push(request.url())))
    await page.goto(`${world.address}/mail/${world.server.mailbox('inbox')}/${id}`)
    await page.getByText('1 image distante n’a pas été chargée.').waitFor()
    await page.frameLocator('iframe[title="Texte du message"]').getByText('Bonjour').waitFor()
    expect(asked.filter((url) => !url.startsWith('blob:'))).toEqual([])
    expect(await page.title()).toContain('Beffroi')
    await page.context().close()
  })
})

describe('two tabs', () => {
  it('b01 what one tab does shows in the other', async () => {
    const context = await world.context()
    const [one, two] = [await world.page(context), await world.page(context)]
    await two.locator('[data-row="0"]').waitFor()
    const id = await one.locator('[data-row="0"]').getAttribute('data-id')
    await one.locator(`[data-id="${id}"]`).getByRole('button', { name: 'Suivre' }).click()
    await two.locator(`[data-id="${id}"] button[aria-pressed=true]`).waitFor()
    await context.close()
  })
})

describe('looks', () => {
  for (const theme of ['light', 'dark'] as const) {
    for (const language of ['fr', 'en'] as const) {
      it(`b02 b03 axe finds nothing in ${theme}, ${language}`, async () => {
        const page = await world.page(await world.context({ theme, language }))
        await page.locator('[data-row="3"]').click()
        await page.locator('article').waitFor()
        const found = await findings(page)
        await page.locator('body').press('c')
        await page.locator('.composer footer').waitFor()
        found.push(...(await findings(page)))
        await page.goto(`${world.address}/settings`)
        await page.locator('fieldset').first().waitFor()
        found.push(...(await findings(page)))
        expect(found).toEqual([])
        await page.context().close()
      })
    }
  }

  it('holds at 360 pixels', async () => {
    const page = await world.page(await world.context({}, { width: 360, height: 740 }))
    await page.locator('[data-row="0"]').waitFor()
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360)
    await page.context().close()
  })
})

describe('the budget', () => {
  it('shows the list within 120 KB', async () => {
    const dist = new URL('../dist/', import.meta.url)
    const page = await readFile(new URL('index.html', dist), 'utf8')
    const named = [...page.matchAll(/\/(assets\/[^"]+\.(?:js|css))/g)].map((match) => match[1] ?? '')
    const workers = (await readdir(new URL('assets/', dist))).filter((file) => /^worker-.*\.js$/.test(file)).map((file) => `assets/${file}`)
    const files = new Set([...named, ...workers])
    let bytes = 0
    for (const file of files) bytes += gzipSync(await readFile(new URL(file, dist)), { level: 9 }).length
    expect(files.size).toBeGreaterThan(2)
    expect(bytes).toBeLessThan(120_000)
  })
})
