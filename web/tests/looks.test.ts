import { readFile, readdir } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findings } from './axe.ts'
import { many } from './letters.ts'
import { World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await World.open(1)
  await world.deliver(world.person(1), many(20))
}, 120_000)
afterAll(() => world.close())

const SETTINGS = ['appearance', 'identities', 'vacation', 'filters', 'security', 'sessions']
const ROOMS = ['people', 'domains', 'organisation']

describe('looks', () => {
  for (const theme of ['light', 'dark'] as const) {
    for (const language of ['fr', 'en'] as const) {
      it(`b02 b03 axe finds nothing in ${theme}, ${language}`, async () => {
        const context = await world.context({ theme, language })
        const page = await context.newPage()
        await page.goto(world.address)
        await page.locator('input[name=username]').waitFor()
        const found = await findings(page)
        await page.close()
        const inside = await world.page(world.person(1), context)
        await inside.locator('[data-row="3"]').click()
        await inside.locator('article').waitFor()
        found.push(...(await findings(inside)))
        await inside.locator('body').press('c')
        await inside.locator('.composer footer').waitFor()
        found.push(...(await findings(inside)))
        for (const name of SETTINGS) {
          await inside.goto(`${world.address}/settings/${name}`)
          await inside.locator('.page h1').waitFor()
          found.push(...(await findings(inside)))
        }
        await context.close()
        const other = await world.context({ theme, language })
        const office = await world.page(world.administrator, other, '/admin/people')
        for (const name of ROOMS) {
          await office.goto(`${world.address}/admin/${name}`)
          await office.locator('table').or(office.locator('.empty')).first().waitFor()
          found.push(...(await findings(office)))
        }
        await office.goto(`${world.address}/admin/people/new`)
        await office.locator('.detail form').waitFor()
        found.push(...(await findings(office)))
        await other.close()
        expect(found).toEqual([])
      })
    }
  }

  it('b03 every page holds at 360 pixels', async () => {
    const context = await world.context({}, { width: 360, height: 740 })
    const page = await world.page(world.person(1), context)
    await page.locator('[data-row="0"]').waitFor()
    const width = () => page.evaluate(() => document.documentElement.scrollWidth)
    expect(await width()).toBe(360)
    for (const name of SETTINGS) {
      await page.goto(`${world.address}/settings/${name}`)
      await page.locator('.page h1').waitFor()
      expect(await width(), name).toBe(360)
    }
    await context.close()
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
