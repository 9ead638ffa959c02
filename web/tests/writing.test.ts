import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { letter } from './letters.ts'
import { World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await World.open(4)
  await world.deliver(world.person(1), [letter({ subject: 'Première lettre' })])
}, 120_000)
afterAll(() => world.close())

/** By keys alone, from the list. */
async function write(page: Page, to: string, subject: string, text: string): Promise<void> {
  await page.locator('body').press('c')
  await page.getByLabel('À', { exact: true }).waitFor()
  await page.keyboard.type(`${to},`)
  await page.getByLabel('Objet').focus()
  await page.keyboard.type(subject)
  await page.frameLocator('.composer iframe').locator('[role=textbox]').click()
  await page.keyboard.type(text)
}

describe('writing', () => {
  it('b01 a message goes from one person to another, and its answer comes back', async () => {
    const [one, two] = [world.person(1), world.person(2)]
    const page = await world.page(one, await world.context({ undoSeconds: 0 }))
    await page.locator('[data-row="0"]').waitFor()
    await write(page, two.login, 'Le beffroi sonne', 'Bonjour Paul')
    await page.keyboard.press('Control+Enter')
    await page.getByText('Message envoyé').waitFor()

    const other = await world.page(two, await world.context({ undoSeconds: 0 }))
    await other.locator('[role=row]', { hasText: 'Le beffroi sonne' }).click()
    await other.frameLocator('iframe[title="Texte du message"]').getByText('Bonjour Paul').waitFor()
    await other.getByRole('button', { name: 'Répondre', exact: true }).first().click()
    await other.frameLocator('.composer iframe').locator('[role=textbox]').click()
    await other.keyboard.type('Je l’entends.')
    await other.keyboard.press('Control+Enter')
    await other.getByText('Message envoyé').waitFor()

    await page.locator('[role=row]', { hasText: 'Le beffroi sonne' }).first().waitFor()
    await expect.poll(async () => (await one.emails('inbox')).map((email) => email['subject'])).toContain('Re: Le beffroi sonne')
    await expect.poll(async () => (await one.emails('sent')).map((email) => email['subject'])).toEqual(['Le beffroi sonne'])
    expect(await one.emails('drafts')).toEqual([])
    await page.context().close()
    await other.context().close()
  })

  it('b01 b03 a message is written by keys, offline, and leaves on return', async () => {
    const [one, three] = [world.person(1), world.person(3)]
    const page = await world.page(one, await world.context({ undoSeconds: 0 }))
    await page.locator('[data-row="0"]').waitFor()
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined))
    world.shut()
    try {
      await write(page, three.login, 'Hors connexion', 'Écrit dans un train')
      await page.keyboard.press('Control+Enter')
      await page.getByText(/Vous êtes hors connexion\. \d+ changements? attend/).waitFor()
      expect(await three.emails('inbox')).toEqual([])
    } finally {
      world.reachable = true
    }
    await page.getByRole('button', { name: 'Réessayer' }).click()
    await expect.poll(async () => (await three.emails('inbox')).map((email) => email['subject']), { timeout: 15_000 }).toEqual(['Hors connexion'])
    await page.context().close()
  })

  it('b07 a draft is on the server within seconds and is found again', async () => {
    const four = world.person(4)
    const context = await world.context()
    const page = await world.page(four, context)
    await write(page, 'quelqu.un@ailleurs.example', 'À finir', 'Un début')
    await page.getByText('Enregistré', { exact: true }).waitFor({ timeout: 15_000 })
    await page.close({ runBeforeUnload: false })
    await expect.poll(async () => (await four.emails('drafts')).map((email) => email['subject'])).toEqual(['À finir'])
    const again = await world.page(four, context)
    await again.getByRole('link', { name: /Brouillons/ }).click()
    // While a draft takes the place of the one before it, both are there for a moment.
    const rows = again.locator('[role=row]', { hasText: 'À finir' })
    await expect.poll(() => rows.count(), { timeout: 10_000 }).toBe(1)
    await rows.click()
    await again.frameLocator('.composer iframe').getByText('Un début').waitFor()
    await again.frameLocator('.composer iframe').locator('[role=textbox]').press('Control+a')
    await again.getByRole('button', { name: 'Gras' }).click()
    await again.frameLocator('.composer iframe').locator('b', { hasText: 'Un début' }).waitFor()
    await context.close()
  })

  it('b01 a message is taken back before it leaves', async () => {
    const [two, four] = [world.person(2), world.person(4)]
    const page = await world.page(four, await world.context({ undoSeconds: 20 }))
    await write(page, two.login, 'Trop vite', 'Oups')
    await page.keyboard.press('Control+Enter')
    await page.locator('.toast, [role=status]').getByRole('button', { name: 'Annuler' }).first().click()
    await page.frameLocator('.composer iframe').getByText('Oups').waitFor()
    expect((await two.emails('inbox')).map((email) => email['subject'])).not.toContain('Trop vite')
    await page.context().close()
  })

  it('b06 a file that is attached arrives as it was', async () => {
    const [four, two] = [world.person(4), world.person(2)]
    const page = await world.page(four, await world.context({ undoSeconds: 0 }))
    await write(page, two.login, 'Avec un fichier', 'Voici')
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 7) % 256))
    await page.locator('.composer input[type=file]').setInputFiles({ name: 'mesures.bin', mimeType: 'application/octet-stream', buffer: bytes })
    await page.locator('.composer').getByText('mesures.bin').waitFor()
    await page.locator('.composer input').last().focus()
    await page.keyboard.press('Control+Enter')
    await page.getByText('Message envoyé').waitFor()
    await expect.poll(async () => (await two.emails('inbox', ['subject', 'attachments'])).find((email) => email['subject'] === 'Avec un fichier')?.['attachments'], { timeout: 15_000 }).toMatchObject([{ name: 'mesures.bin', size: bytes.length }])
    await page.context().close()
  })
})
