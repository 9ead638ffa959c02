import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findings } from './axe.ts'
import { letter, many } from './letters.ts'
import type { Person } from './person.ts'
import { World } from './world.ts'

const LATER = { timeout: 15_000 }
let world: World
beforeAll(async () => void (world = await World.open(5)), 120_000)
afterAll(() => world.close())

const subjects = async (person: Person, role: string) => (await person.emails(role)).map((email) => email['subject']).sort()
const destroy = async (person: Person, role: string) => {
  const ids = (await person.emails(role)).map((email) => email['id'])
  await person.call('Email/set', { destroy: ids })
}
const row = (page: Page, words: string) => page.locator('[role=row]', { hasText: words })

/** A folder in another one. */
async function folder(person: Person, name: string, parentId: string | null): Promise<string> {
  const { created } = await person.call('Mailbox/set', { create: { one: { name, parentId } } })
  return (created as { one: { id: string } }).one.id
}

async function moved(person: Person, to: string): Promise<void> {
  const emails = await person.emails('inbox')
  const update = Object.fromEntries(emails.map((email) => [String(email['id']), { mailboxIds: { [to]: true } }]))
  await person.call('Email/set', { update })
}

describe('what was removed', () => {
  it('b13 messages of an emptied bin are found, read and brought back by keyboard', async () => {
    const person = world.person(1)
    await world.deliver(person, [letter({ subject: 'La facture du bourdon', body: 'Douze mille euros.' }), letter({ subject: 'Autre chose' })])
    const page = await world.page(person)
    await row(page, 'La facture du bourdon').waitFor()
    await page.locator('body').press('Control+a')
    await page.locator('body').press('Delete')
    await expect.poll(() => subjects(person, 'trash'), LATER).toEqual(['Autre chose', 'La facture du bourdon'])
    await page.getByRole('link', { name: 'Corbeille' }).first().click()
    await row(page, 'La facture du bourdon').waitFor()
    await page.getByRole('button', { name: 'Actions sur Corbeille' }).first().click()
    await page.getByRole('menuitem', { name: 'Vider définitivement' }).click()
    await expect.poll(() => subjects(person, 'trash'), LATER).toEqual([])
    await page.getByRole('log').getByRole('button', { name: 'Récupérer' }).click()
    await row(page, 'La facture du bourdon').waitFor()
    expect(await findings(page)).toEqual([])
    await page.getByLabel('Objet ou expéditeur').fill('bourdon')
    await expect.poll(() => page.locator('[role=row]').count(), LATER).toBe(1)
    await row(page, 'La facture du bourdon').press('Enter')
    await page.getByRole('region', { name: 'Lecture' }).getByText('par vous').waitFor()
    expect(await findings(page)).toEqual([])
    await page.locator('body').press('r')
    await page.getByRole('log').getByText('1 message restauré dans « Boîte de réception »').waitFor()
    expect(await subjects(person, 'inbox')).toEqual(['La facture du bourdon'])
    await page.getByRole('log').getByRole('button', { name: 'Voir' }).click()
    await page.getByRole('heading', { name: 'La facture du bourdon' }).waitFor()
    await page.context().close()
  })

  it('b13 a removed folder tree comes back from the webmail with what was in it', async () => {
    const person = world.person(2)
    const top = await folder(person, 'Chantier', null)
    const inner = await folder(person, 'Devis', top)
    await world.deliver(person, [letter({ subject: 'Devis de la charpente' })])
    await moved(person, inner)
    const page = await world.page(person)
    await page.getByRole('button', { name: 'Actions sur Chantier' }).click()
    await page.getByRole('menuitem', { name: 'Supprimer avec ses messages' }).click()
    await page.getByRole('log').getByRole('button', { name: 'Dossiers supprimés' }).click()
    // Somebody took the name meanwhile.
    await page.getByRole('button', { name: 'Restaurer « Chantier »' }).waitFor()
    await folder(person, 'Chantier', null)
    expect(await findings(page)).toEqual([])
    await page.getByRole('button', { name: 'Restaurer « Chantier »' }).click()
    await page.getByRole('log').getByText('« Chantier » est de retour sous le nom').waitFor()
    await page.getByText('Aucun dossier supprimé').waitFor()
    const { list } = (await person.call('Mailbox/get', { ids: [top, inner] })) as { list: { id: string; name: string; parentId: string | null; totalEmails: number }[] }
    expect(list.find((one) => one.id === inner)).toMatchObject({ name: 'Devis', parentId: top, totalEmails: 1 })
    await page.context().close()
  })

  it('b13 thousands of removed messages scroll, and come back all at once', async () => {
    const person = world.person(3)
    const COUNT = 900
    await world.deliver(person, many(COUNT))
    const { ids } = await person.call('Email/query', { filter: { inMailbox: await person.mailbox('inbox') } })
    await person.call('Email/set', { destroy: ids })
    const page = await world.page(person, undefined, '/mail/removed')
    await page.locator('[data-row="0"]').waitFor()
    await page.getByRole('grid').evaluate((grid) => grid.parentElement?.scrollTo({ top: grid.scrollHeight }))
    await page.locator(`[data-row="${COUNT - 1}"]`).waitFor()
    expect(await page.locator('[role=row]').count()).toBeLessThan(60)
    await page.locator('body').press('Control+a')
    await page.getByText(`${COUNT} sélectionnés`).waitFor()
    await page.getByRole('button', { name: 'Restaurer', exact: true }).click()
    await page.getByText('Rien à récupérer').waitFor(LATER)
    await expect.poll(async () => (await person.call('Email/query', { filter: { inMailbox: await person.mailbox('inbox') }, calculateTotal: true }))['total'], LATER).toBe(COUNT)
    await page.context().close()
  })

  it('b13 removing for good is offered to who has the right, and asked about once more', async () => {
    const person = world.person(4)
    await world.deliver(person, [letter({ subject: 'Pour toujours' })])
    await destroy(person, 'inbox')
    const page = await world.page(person, undefined, '/mail/removed')
    await row(page, 'Pour toujours').click()
    const reading = page.getByRole('region', { name: 'Lecture' })
    await reading.getByRole('button', { name: 'Restaurer dans un autre dossier' }).click()
    await page.getByRole('menuitem', { name: 'Archives' }).waitFor()
    expect(await page.getByRole('menuitem', { name: 'Supprimer définitivement' }).count()).toBe(0)
    await page.context().close()

    const administrator = world.administrator
    await world.deliver(administrator, [letter({ subject: 'À effacer' })])
    await destroy(administrator, 'inbox')
    const office = await world.page(administrator, undefined, '/mail/removed')
    await row(office, 'À effacer').click()
    await expect.poll(async () => {
      await office.getByRole('region', { name: 'Lecture' }).getByRole('button', { name: 'Restaurer dans un autre dossier' }).click()
      const item = office.getByRole('menuitem', { name: 'Supprimer définitivement' })
      if ((await item.count()) === 0) return office.keyboard.press('Escape').then(() => 'not yet')
      return item.click().then(() => 'asked')
    }, LATER).toBe('asked')
    const dialog = office.getByRole('dialog', { name: 'Supprimer définitivement 1 message ?' })
    expect(await findings(office)).toEqual([])
    await dialog.getByRole('button', { name: 'Supprimer définitivement' }).click()
    await office.getByText('Rien à récupérer').waitFor()
    const { total } = await administrator.call('RemovedEmail/query', { calculateTotal: true })
    expect(total).toBe(0)
    await office.context().close()
  })

  it('b13 without a network it says so, and goes on when it is back', async () => {
    const person = world.person(5)
    await world.deliver(person, [letter({ subject: 'Dans le tunnel' })])
    await destroy(person, 'inbox')
    const page = await world.page(person, undefined, '/mail/removed')
    await row(page, 'Dans le tunnel').waitFor()
    world.shut()
    await row(page, 'Dans le tunnel').click()
    await page.locator('body').press('r')
    await page.getByRole('log').getByText('Le serveur n’a pas répondu').waitFor(LATER)
    world.reachable = true
    await page.getByRole('button', { name: 'Réessayer' }).first().click().catch(() => undefined)
    await row(page, 'Dans le tunnel').waitFor(LATER)
    await page.locator('body').press('r')
    await expect.poll(() => subjects(person, 'inbox'), LATER).toEqual(['Dans le tunnel'])
    await page.context().close()
  })
})
