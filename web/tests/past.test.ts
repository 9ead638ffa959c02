import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findings } from './axe.ts'
import { letter } from './letters.ts'
import type { Person } from './person.ts'
import { World } from './world.ts'

const LATER = { timeout: 15_000 }
let world: World
beforeAll(async () => void (world = await World.open(5)), 120_000)
afterAll(() => world.close())

const row = (page: Page, words: string) => page.locator('[role=row]', { hasText: words })
const subjects = async (person: Person, role: string) => (await person.emails(role)).map((email) => email['subject']).sort()

/** An image of now. */
const mark = async (person: Person) => void (await world.command(['restore', 'mark', person.login]))

async function emptied(person: Person, role = 'inbox'): Promise<void> {
  const ids = (await person.emails(role)).map((email) => email['id'])
  await person.call('Email/set', { destroy: ids })
}

/** A folder with a message in it. */
async function filled(person: Person, name: string, subject: string): Promise<string> {
  const { created } = await person.call('Mailbox/set', { create: { one: { name, parentId: null } } })
  const { id } = (created as { one: { id: string } }).one
  await world.deliver(person, [letter({ subject, body: `Voici ${subject}.` })])
  const email = (await person.emails('inbox')).find((one) => one['subject'] === subject)
  await person.call('Email/set', { update: { [String(email?.['id'])]: { mailboxIds: { [id]: true }, keywords: { $flagged: true } } } })
  return id
}

describe('images', () => {
  it('a03 a04 the slider shows the mailbox as it was at each mark', async () => {
    const person = world.person(1)
    await world.deliver(person, [letter({ subject: 'Premier' })])
    await mark(person)
    await world.deliver(person, [letter({ subject: 'Deuxième', body: 'Lu bien plus tard.' })])
    await mark(person)
    await emptied(person)
    await world.deliver(person, [letter({ subject: 'Troisième' })])
    await mark(person)
    const page = await world.page(person, undefined, '/mail/past')
    await row(page, 'Troisième').waitFor()
    const slider = page.getByRole('slider', { name: 'Moment' })
    await slider.press('ArrowLeft')
    await row(page, 'Deuxième').waitFor()
    await row(page, 'Premier').waitFor()
    expect(await page.locator('[role=row]').count()).toBe(2)
    await row(page, 'Premier').getByText('disparu').waitFor()
    expect(await slider.getAttribute('aria-valuetext')).toContain('aujourd’hui à')
    expect(await findings(page)).toEqual([])
    await slider.press('Home')
    await expect.poll(() => page.locator('[role=row]').count(), LATER).toBe(1)
    await page.getByRole('button', { name: 'Choisir un moment' }).click()
    const dialog = page.getByRole('dialog', { name: 'Choisir un moment' })
    expect(await findings(page)).toEqual([])
    await dialog.getByRole('listitem').nth(1).getByRole('button').click()
    await row(page, 'Deuxième').click()
    await page.frameLocator('iframe[title="Texte du message"]').getByText('Lu bien plus tard.').waitFor()
    expect(await findings(page)).toEqual([])
    await page.getByRole('button', { name: 'Revenir au présent' }).click()
    await row(page, 'Troisième').waitFor()
    expect(new URL(page.url()).pathname).not.toContain('past')
    await page.context().close()
  })

  it('a05 one message, then a folder with its name and flags, come back from an image', async () => {
    const person = world.person(2)
    const id = await filled(person, 'Travaux', 'Plan de la flèche')
    await world.deliver(person, [letter({ subject: 'Seul dans la boîte' })])
    await mark(person)
    await emptied(person)
    await person.call('Mailbox/set', { destroy: [id], onDestroyRemoveEmails: true })
    const page = await world.page(person, undefined, '/mail/past')
    await row(page, 'Seul dans la boîte').press('x')
    await page.getByRole('region', { name: 'Lecture' }).getByRole('button', { name: 'Remettre en place : Restaurer…' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('1 message revient').waitFor()
    expect(await subjects(person, 'inbox')).toEqual([])
    expect(await findings(page)).toEqual([])
    await dialog.getByRole('button', { name: 'Restaurer', exact: true }).click()
    await dialog.getByText('C’est fait').waitFor()
    expect(await subjects(person, 'inbox')).toEqual(['Seul dans la boîte'])
    await dialog.getByRole('button', { name: 'Fermer' }).last().click()

    await page.getByRole('navigation', { name: 'Dossiers à ce moment' }).getByRole('link', { name: 'Travaux' }).click()
    await row(page, 'Plan de la flèche').waitFor()
    await page.getByText('Supprimé depuis').first().waitFor()
    await page.getByRole('button', { name: 'Ramener ce qui manque : Restaurer…' }).click()
    await dialog.getByText('1 dossier revient').waitFor()
    await dialog.getByRole('button', { name: 'Restaurer', exact: true }).click()
    await dialog.getByText('C’est fait').waitFor()
    await dialog.getByRole('button', { name: 'Voir' }).click()
    await row(page, 'Plan de la flèche').waitFor(LATER)
    const { list } = (await person.call('Mailbox/get', { ids: [id] })) as { list: { name: string; totalEmails: number }[] }
    expect(list[0]).toMatchObject({ name: 'Travaux', totalEmails: 1 })
    const { ids } = (await person.call('Email/query', { filter: { inMailbox: id } })) as { ids: string[] }
    const { list: emails } = (await person.call('Email/get', { ids, properties: ['keywords'] })) as { list: { keywords: object }[] }
    expect(emails[0]?.keywords).toMatchObject({ $flagged: true })
    await page.context().close()
  })

  it('a05 the whole mailbox becomes what it was, after one saw what would change', async () => {
    const person = world.person(3)
    await world.deliver(person, [letter({ subject: 'Avant' })])
    await mark(person)
    await emptied(person)
    await world.deliver(person, [letter({ subject: 'Après' })])
    const page = await world.page(person, undefined, '/mail/past')
    await page.getByRole('button', { name: 'Tout rendre tel quel : Comparer…' }).click()
    const dialog = page.getByRole('dialog', { name: 'Toute la boîte à ce moment' })
    await dialog.getByText('1 message venu depuis est retiré').waitFor()
    expect(await subjects(person, 'inbox')).toEqual(['Après'])
    expect(await findings(page)).toEqual([])
    await dialog.getByRole('button', { name: 'Restaurer', exact: true }).click()
    await dialog.getByText('C’est fait').waitFor()
    expect(await subjects(person, 'inbox')).toEqual(['Avant'])
    const { total } = await person.call('RemovedEmail/query', { filter: { text: 'Après' }, calculateTotal: true })
    expect(total).toBe(1)
    await dialog.getByRole('button', { name: 'Fermer' }).last().click()
    await page.getByRole('button', { name: 'Tout rendre tel quel : Comparer…' }).click()
    await dialog.getByText('Rien ne changerait').waitFor()
    expect(await dialog.getByRole('button', { name: 'Restaurer', exact: true }).isDisabled()).toBe(true)
    await page.context().close()
  })

  it('a04 an account without images, and an image that is kept no more, are no dead ends', async () => {
    const person = world.person(4)
    const page = await world.page(person, undefined, '/mail/past')
    await page.getByText('Aucune image pour l’instant').waitFor()
    expect(await findings(page)).toEqual([])
    await world.deliver(person, [letter({ subject: 'Gardé' })])
    await mark(person)
    await page.goto(`${world.address}/mail/past/H999999`)
    await page.getByRole('log').getByText('Cette image n’est plus gardée').waitFor()
    await row(page, 'Gardé').waitFor()
    await page.context().close()
  })
})

describe('rescue', () => {
  it('a01 what a person removed for good is still among all that arrived, and comes back', async () => {
    const person = world.person(5)
    await world.deliver(person, [letter({ subject: 'Pris par un autre', body: 'Encore là.' }), letter({ subject: 'Resté' })])
    const email = (await person.emails('inbox')).find((one) => one['subject'] === 'Pris par un autre')
    await person.call('Email/set', { destroy: [email?.['id']] })
    const page = await world.page(person, undefined, '/mail/rescue')
    await row(page, 'Resté').waitFor()
    await row(page, 'Pris par un autre').getByText('disparu').waitFor()
    await row(page, 'Pris par un autre').click()
    await page.frameLocator('iframe[title="Texte du message"]').getByText('Encore là.').waitFor()
    expect(await findings(page)).toEqual([])
    await page.getByRole('region', { name: 'Lecture' }).getByRole('button', { name: 'Restaurer', exact: true }).click()
    await expect.poll(() => subjects(person, 'inbox'), LATER).toEqual(['Pris par un autre', 'Resté'])
    await page.context().close()
  })
})
