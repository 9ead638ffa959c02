import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { letter } from './letters.ts'
import { Person } from './person.ts'
import { World } from './world.ts'

let world: World
beforeAll(async () => void (world = await World.open(2)), 120_000)
afterAll(() => world.close())

const room = (page: Page, name: string) => page.goto(`${world.address}/admin/${name}`)
const save = (page: Page, label = 'Enregistrer') => page.locator('.detail').getByRole('button', { name: label }).click()

describe('the administration', () => {
  it('makes a person who logs in and receives mail, takes one away, and brings it back', async () => {
    const page = await world.page(world.administrator, undefined, '/admin/people/new')
    const form = page.locator('.detail form')
    await form.getByLabel('Nom', { exact: true }).fill('Jeanne Martin')
    await form.getByLabel('Adresse', { exact: true }).fill('jeanne@bench.test')
    await form.getByLabel('Nouveau mot de passe').fill('une tour de brique')
    await form.locator('label', { hasText: /^Classe de service/ }).locator('select').selectOption({ label: 'Standard' })
    await save(page, 'Créer')
    await page.getByRole('row', { name: /Jeanne Martin/ }).waitFor()
    expect(await form.getByLabel('Doit le changer').isChecked()).toBe(true)
    await form.getByLabel('Doit le changer').uncheck()
    await form.getByLabel('Nouveau mot de passe').fill('une tour de pierre')
    await form.getByRole('textbox', { name: 'Autres adresses' }).fill('jm@bench.test')
    await page.keyboard.press('Enter')
    await save(page)
    // A password is never told: the field is empty once it is set.
    await expect.poll(() => form.getByLabel('Nouveau mot de passe').inputValue()).toBe('')

    const jeanne = new Person(world.person(1).server, 'jeanne@bench.test', 'une tour de pierre')
    await world.deliver(new Person('', 'jm@bench.test', ''), [letter({ subject: 'Bienvenue' })])
    expect((await jeanne.emails('inbox')).map((email) => email['subject'])).toEqual(['Bienvenue'])

    await page.locator('.detail').getByRole('button', { name: 'Supprimer' }).click()
    await page.getByText('« Jeanne Martin » a été supprimé').waitFor()
    await expect(jeanne.account()).resolves.toBeTruthy()
    await expect(jeanne.emails('inbox')).rejects.toThrow(/40[13]/)
    await page.getByLabel('État').selectOption({ label: 'Supprimé, récupérable' })
    await page.getByRole('link', { name: 'Jeanne Martin' }).click()
    await page.getByRole('button', { name: 'Rétablir' }).click()
    await page.getByRole('button', { name: 'Supprimer' }).waitFor()
    expect((await jeanne.emails('inbox')).map((email) => email['subject'])).toEqual(['Bienvenue'])
    await page.context().close()
  })

  it('says beside the field why something is refused', async () => {
    const page = await world.page(world.administrator, undefined, '/admin/people/new')
    const form = page.locator('.detail form')
    await form.getByLabel('Nom', { exact: true }).fill('Personne')
    await form.getByLabel('Adresse', { exact: true }).fill(world.person(1).login)
    await save(page, 'Créer')
    await form.locator('input[type=email][aria-invalid=true]').waitFor()
    await form.getByRole('alert').filter({ hasText: /\S/ }).waitFor()
    expect(page.url()).toContain('/new')
    await page.context().close()
  })

  it('makes a list whose members get what is sent to it', async () => {
    const page = await world.page(world.administrator, undefined, '/admin/lists/new')
    const form = page.locator('.detail form')
    await form.getByLabel('Nom', { exact: true }).fill('Tous')
    await form.getByLabel('Adresse', { exact: true }).fill('tous@bench.test')
    for (const number of [1, 2]) {
      await form.getByLabel('Membres', { exact: true }).fill(world.person(number).login)
      await page.keyboard.press('Enter')
    }
    await form.locator('label', { hasText: /^Qui peut écrire/ }).locator('select').selectOption({ label: 'Tout le monde' })
    await save(page, 'Créer')
    await page.getByRole('row', { name: /Tous/ }).waitFor()
    await world.deliver(new Person('', 'tous@bench.test', ''), [letter({ subject: 'À tous' })])
    for (const number of [1, 2]) await expect.poll(async () => (await world.person(number).emails('inbox')).map((email) => email['subject'])).toEqual(['À tous'])
    await page.context().close()
  })

  it('asks before a domain goes for good, and forgets it', async () => {
    const page = await world.page(world.administrator, undefined, '/admin/domains/new')
    await page.locator('.detail form').getByLabel('Nom', { exact: true }).fill('beffroi-essai.example')
    await save(page, 'Créer')
    await page.getByRole('row', { name: /beffroi-essai/ }).waitFor()
    await page.locator('.detail').getByRole('button', { name: 'Supprimer' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Supprimer' }).click()
    await page.getByRole('row', { name: /beffroi-essai/ }).waitFor({ state: 'detached' })
    await page.context().close()
  })

  it('is not there for people without a right', async () => {
    const page = await world.page(world.person(1))
    expect(await page.getByRole('link', { name: 'Admin' }).count()).toBe(0)
    await room(page, 'people')
    await page.locator('.folders').waitFor()
    await page.context().close()
  })
})
