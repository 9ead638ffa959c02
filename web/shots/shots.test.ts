// Pictures of every screen for the manual: `cargo xtask shots`. The sample organisation of `beffroi demo` is in them.
import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { World } from '../tests/world.ts'

const FOLDER = fileURLToPath(new URL('../../docs/user/', import.meta.url))
const SETTINGS = ['appearance', 'identities', 'vacation', 'filters', 'security', 'sessions']
const ROOMS = ['people', 'domains', 'classes']
const SIZES = { wide: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } }

let world: World
beforeAll(async () => {
  world = await World.open(0)
  for (const language of ['fr', 'en']) await mkdir(FOLDER + language, { recursive: true })
}, 120_000)
afterAll(() => world.close())

/** Opens the message whose row has these words. */
async function read(page: Page, words: string): Promise<void> {
  await page.locator('[role=row]', { hasText: words }).first().click()
  await page.locator('article .text iframe').last().waitFor()
}

/** A screen, and how one gets there from the list of messages. */
const SCREENS: [string, (page: Page) => Promise<unknown>][] = [
  ['mail', async () => undefined],
  ['conversation', (page) => read(page, 'Restauration du mécanisme')],
  ['message', (page) => read(page, 'Contract for the recording')],
  ['preview', async (page) => {
    await read(page, 'Contract for the recording')
    await page.locator('article li button').first().click()
    await page.getByRole('dialog').waitFor()
  }],
  ['newsletter', (page) => read(page, 'Un échappement de 1720')],
  ['compose', async (page) => {
    await page.locator('body').press('c')
    await page.locator('.composer input').first().waitFor()
    await page.keyboard.type('edward.hughes@tour.example,')
    await page.locator('.composer label.line input').fill('Les cloches de samedi')
    await page.frameLocator('.composer iframe').locator('[role=textbox]').click()
    await page.keyboard.type('Bonjour Edward,\n\nqui sonne samedi ?')
  }],
  ['reply', async (page) => {
    await read(page, 'Contract for the recording')
    await page.locator('body').press('r')
    await page.frameLocator('.composer iframe').locator('.original').waitFor()
  }],
  ['search', async (page) => {
    await page.keyboard.press('Control+k')
    await page.keyboard.type('horloge')
    await page.keyboard.press('Enter')
    await page.locator('[role=row]').first().waitFor()
  }],
  ['commands', (page) => page.keyboard.press('Control+k')],
  ['keyboard', (page) => page.locator('body').press('?')],
  ['selection', async (page) => {
    for (const row of [1, 2, 4]) await page.locator(`[data-row="${row}"] .pick`).click({ force: true })
  }],
]

async function shot(page: Page, language: string, name: string, theme: string, size: string): Promise<void> {
  // What comes with a delay: skeletons, pictures of a message, fonts.
  await page.waitForTimeout(400)
  const variant = `${theme === 'light' ? '' : '-dark'}${size === 'wide' ? '' : '-phone'}`
  await page.screenshot({ path: `${FOLDER}${language}/${name}${variant}.png`, animations: 'disabled' })
}

async function entered(context: BrowserContext): Promise<Page> {
  const page = await world.page(world.administrator, context)
  await page.locator('[data-row="0"]').waitFor()
  return page
}

describe('pictures', () => {
  for (const language of ['fr', 'en'] as const) {
    for (const theme of ['light', 'dark'] as const) {
      for (const [size, viewport] of Object.entries(SIZES)) {
        it(`${language} ${theme} ${size}`, { timeout: 240_000 }, async () => {
          const context = await world.context({ language, theme, density: 'comfortable' }, viewport)
          const outside = await context.newPage()
          await outside.goto(world.address)
          await outside.locator('input[name=username]').waitFor()
          await shot(outside, language, 'login', theme, size)
          await outside.close()
          let page = await entered(context)
          for (const [name, go] of SCREENS) {
            await go(page)
            await shot(page, language, name, theme, size)
            await page.close()
            page = await entered(context)
          }
          for (const name of SETTINGS) {
            await page.goto(`${world.address}/settings/${name}`)
            await page.locator('.page h1').waitFor()
            await shot(page, language, `settings-${name}`, theme, size)
          }
          for (const name of ROOMS) {
            await page.goto(`${world.address}/admin/${name}`)
            await page.locator('tbody tr').first().waitFor()
            await shot(page, language, `admin-${name}`, theme, size)
          }
          await page.goto(`${world.address}/admin/people`)
          await page.locator('tbody tr').nth(1).click()
          await page.locator('.detail form').waitFor()
          await shot(page, language, 'admin-person', theme, size)
          await context.close()
        })
      }
    }
  }
})

/** What is lost before its pictures are made: the folders of the workshop, and what lay in the bin. */
async function lose(): Promise<void> {
  const person = world.administrator
  const mark = () => world.command(['restore', 'mark', person.login])
  const emails = await person.emails('inbox')
  await mark()
  for (const email of emails.slice(0, 5)) {
    await person.call('Email/set', { update: { [String(email['id'])]: { 'keywords/$flagged': true } } })
    await mark()
  }
  const { list } = (await person.call('Mailbox/get', { ids: null })) as { list: { id: string; name: string; parentId: string | null }[] }
  const within = (id: string): string[] => [...list.filter((one) => one.parentId === id).flatMap((one) => within(one.id)), id]
  const top = list.find((one) => one.parentId === null && list.some((other) => other.parentId === one.id))
  await person.call('Mailbox/set', { destroy: within(top?.id ?? ''), onDestroyRemoveEmails: true })
  await person.call('Email/set', { destroy: emails.slice(2, 9).map((email) => email['id']) })
}

const LOST: [string, string, (page: Page, language: string) => Promise<unknown>][] = [
  ['recover-messages', '/mail/removed', async (page) => {
    await page.locator('[data-row="0"]').click()
    await page.locator('article .text iframe').waitFor()
  }],
  ['recover-folders', '/mail/removed?show=folders', (page) => page.locator('.list li').first().waitFor()],
  ['recover-past', '/mail/past', async (page) => {
    await page.locator('[data-row="0"]').waitFor()
    await page.locator('[role=row] .chip.lost').first().waitFor()
  }],
  ['recover-plan', '/mail/past', async (page, language) => {
    await page.locator('[data-row="0"]').waitFor()
    await page.getByRole('button', { name: language === 'fr' ? /^Tout rendre tel quel/ : /^Make all of it what it was/ }).click()
    await page.getByRole('dialog').locator('li').first().waitFor()
  }],
]

describe('pictures of what was lost', () => {
  beforeAll(lose, 120_000)
  for (const language of ['fr', 'en'] as const) {
    for (const theme of ['light', 'dark'] as const) {
      for (const [size, viewport] of Object.entries(SIZES)) {
        it(`lost ${language} ${theme} ${size}`, { timeout: 240_000 }, async () => {
          const context = await world.context({ language, theme, density: 'comfortable' }, viewport)
          const page = await entered(context)
          for (const [name, path, go] of LOST) {
            if (name === 'recover-plan' && size === 'phone') continue
            await page.goto(world.address + path)
            await go(page, language)
            await shot(page, language, name, theme, size)
          }
          await context.close()
        })
      }
    }
  }
})
