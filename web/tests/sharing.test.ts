import type { Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findings } from './axe.ts'
import { letter } from './letters.ts'
import { World } from './world.ts'

let world: World
beforeAll(async () => void (world = await World.open(4)), 120_000)
afterAll(() => world.close())

/** Opens the dialog that shares a folder, by the keyboard. */
async function share(page: Page, name: string): Promise<void> {
  // One's own folders; what others share stands in lists of its own.
  await page.locator('nav > ul').getByRole('button', { name: `Actions sur ${name}` }).focus()
  await page.keyboard.press('Enter')
  await page.getByRole('menuitem', { name: 'Partager…' }).press('Enter')
  await page.getByRole('dialog', { name: new RegExp(name) }).waitFor()
}

async function give(page: Page, login: string): Promise<void> {
  await page.getByLabel('Partager avec').fill(login)
  await page.getByRole('list', { name: 'Résultats' }).getByRole('button', { name: login }).press('Enter')
  await page.getByRole('list', { name: 'Personnes qui y ont accès' }).getByText(login, { exact: true }).first().waitFor()
}

describe('sharing', () => {
  it('p08 a folder is shared by keyboard and appears at once for the other person', async () => {
    const [owner, other] = [world.person(1), world.person(2)]
    await owner.call('Mailbox/set', { create: { a: { name: 'Projet' } } })
    await world.deliver(owner, [letter({ subject: 'Plan du beffroi' })])
    const [email] = await owner.emails('inbox')
    const { ids } = await owner.call('Mailbox/query', { filter: { name: 'Projet' } })
    const project = (ids as string[])[0] ?? ''
    await owner.call('Email/set', { update: { [String(email?.['id'])]: { mailboxIds: { [project]: true } } } })

    const theirs = await world.page(other)
    const mine = await world.page(owner)
    await share(mine, 'Projet')
    await mine.getByText('Vous seul voyez ce dossier.').waitFor()
    await give(mine, other.login)
    expect(await findings(mine)).toEqual([])

    const section = theirs.getByRole('region', { name: `Dossiers de ${owner.login}` })
    await section.getByRole('link', { name: 'Projet' }).click()
    await theirs.getByText('Plan du beffroi').first().click()
    await theirs.getByRole('heading', { name: 'Plan du beffroi' }).waitFor()
    expect(await findings(theirs)).toEqual([])
    // Read, and no more: it cannot be filed away.
    await theirs.reload()
    await theirs.getByRole('heading', { name: 'Plan du beffroi' }).waitFor()

    const rights = mine.getByLabel(/^Droits de/)
    expect(await rights.inputValue()).toBe('read')
    await rights.selectOption('edit')
    await mine.locator('[aria-busy=false]').waitFor()
    const { list } = await owner.call('Mailbox/get', { ids: [project], properties: ['shareWith'] })
    const [given] = Object.values(((list as { shareWith: Record<string, Record<string, boolean>> }[])[0] ?? { shareWith: {} }).shareWith)
    expect([given?.['mayAddItems'], given?.['mayShare']]).toEqual([true, false])
    await mine.getByRole('button', { name: /^Ne plus partager avec/ }).click()
    await mine.getByText('Vous seul voyez ce dossier.').waitFor()
    await section.waitFor({ state: 'detached' })
    await mine.context().close()
    await theirs.context().close()
  })

  it('b17 a person writes as another and on its behalf', async () => {
    const [owner, writer, reader] = [world.person(1), world.person(3), world.person(4)]
    const page = await world.page(owner)
    await share(page, 'Boîte de réception')
    await give(page, writer.login)
    await page.getByLabel('Peut écrire au nom de ce compte').check()
    await page.locator('[aria-busy=false]').waitFor()
    await page.context().close()

    const writing = await world.page(writer)
    for (const [subject, isOnBehalf] of [['Comme elle', false], ['De sa part', true]] as const) {
      await writing.getByRole('button', { name: 'Nouveau message' }).click()
      const dialog = writing.getByRole('dialog')
      const from = dialog.locator('select').first()
      await from.selectOption({ label: await labelOf(from, owner.login) })
      if (isOnBehalf) await dialog.getByRole('checkbox', { name: /De la part de/ }).check()
      await dialog.getByLabel('À', { exact: true }).fill(reader.login)
      await dialog.getByLabel('Objet').fill(subject)
      expect(await findings(writing)).toEqual([])
      await writing.keyboard.press('Control+Enter')
      await dialog.waitFor({ state: 'detached' })
    }
    await expect.poll(async () => (await reader.emails('inbox')).length, { timeout: 30_000 }).toBe(2)
    const found = await reader.emails('inbox', ['subject', 'from', 'sender'])
    const of = (subject: string) => found.find((email) => email['subject'] === subject) as { from: { email: string }[]; sender: { email: string }[] | null }
    expect(of('Comme elle').from[0]?.email).toBe(owner.login)
    expect(of('Comme elle').sender).toBeNull()
    expect(of('De sa part').from[0]?.email).toBe(owner.login)
    expect(of('De sa part').sender?.[0]?.email).toBe(writer.login)
    await writing.context().close()
  })
})

/** The words of the choice that has these in it. */
async function labelOf(select: Locator, words: string): Promise<string> {
  const all = await select.locator('option').allTextContents()
  return all.find((one) => one.includes(words)) ?? ''
}
