import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findings } from './axe.ts'
import { letter } from './letters.ts'
import { World } from './world.ts'

let world: World
beforeAll(async () => void (world = await World.open(3)), 120_000)
afterAll(() => world.close())

describe('audit', () => {
  it('r07 b35 m16 an administrator finds who did what and takes it along', async () => {
    const person = world.person(1)
    await world.deliver(person, [letter({ subject: 'Surveillé' })])
    const [email] = await person.emails('inbox')
    await person.call('Email/set', { update: { [String(email?.['id'])]: { 'keywords/$flagged': true } } })
    const page = await world.page(world.administrator, undefined, '/admin/audit')
    const table = page.getByRole('region', { name: 'Audit' })
    await page.getByLabel('Fait à (adresse)').fill(person.login)
    await page.getByLabel('Nature').selectOption('flags')
    const rows = page.getByRole('row').filter({ hasText: person.login })
    await rows.first().waitFor()
    await table.getByText('+ suivi').waitFor()
    expect(await findings(page)).toEqual([])
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'CSV' }).click()])
    const csv = await readFile((await file.path()) ?? '', 'utf8')
    expect(csv.split('\r\n')[0]).toBe('"at","who","door","from","account","changes"')
    expect(csv).toContain(person.login)
    await page.getByLabel('Porte').selectOption('imap')
    await page.getByText('Rien ne correspond').waitFor()
    await page.context().close()
  })

  it('b35 the history of a message says what was done to it', async () => {
    const person = world.person(2)
    await world.deliver(person, [letter({ subject: 'Avec une histoire' })])
    const [email] = await person.emails('inbox')
    await person.call('Email/set', { update: { [String(email?.['id'])]: { 'keywords/$flagged': true } } })
    const page = await world.page(person)
    await page.getByText('Avec une histoire').first().click()
    await page.getByRole('article').getByRole('button', { name: 'Plus' }).click()
    await page.getByRole('menuitem', { name: 'Historique' }).click()
    const dialog = page.getByRole('dialog', { name: 'Historique' })
    await dialog.getByText('+ suivi').waitFor()
    await dialog.getByText('Mis dans Boîte de réception').waitFor()
    expect(await findings(page)).toEqual([])
    await page.context().close()
  })
})
