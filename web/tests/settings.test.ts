import { createHmac } from 'node:crypto'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { letter } from './letters.ts'
import { World } from './world.ts'

let world: World
beforeAll(async () => void (world = await World.open(5)), 120_000)
afterAll(() => world.close())

/** A one-time code of now (RFC 6238). */
function totp(secret: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const bits = [...secret.replace(/\s/g, '')].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)))
  const digest = createHmac('sha1', key).update(counter).digest()
  return String((digest.readUInt32BE((digest.at(-1) ?? 0) & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

async function enter(page: Page, login: string, password: string): Promise<void> {
  await page.locator('input[name=username]').fill(login)
  await page.locator('input[name=password]').fill(password)
  await page.keyboard.press('Enter')
}

describe('a newcomer', () => {
  it('is in a mailbox of the sample with one click, and is shown around', async () => {
    const page = await (await world.context()).newPage()
    await page.goto(world.address)
    await page.getByRole('button', { name: 'Camille Lefèvre' }).click()
    await page.locator('main#content').waitFor()
    const tour = page.getByRole('complementary', { name: 'Visite guidée' })
    for (let step = 1; step < 5; step++) await tour.getByRole('button', { name: 'Suivant' }).click()
    await tour.getByRole('button', { name: 'Terminer' }).click()
    await tour.waitFor({ state: 'detached' })
    await page.context().close()
  })
})

describe('settings', () => {
  it('b09 a filter that was written here files what arrives', async () => {
    const person = world.person(1)
    const page = await world.page(person, undefined, '/settings/filters')
    await page.getByRole('button', { name: 'Nouveau filtre' }).click()
    await page.getByLabel('Nom').fill('Factures')
    await page.getByLabel('Partie du message').selectOption('subject')
    await page.getByLabel('Valeur').fill('facture')
    await page.getByLabel('Déplacer vers').selectOption({ label: 'Archive' })
    await page.getByRole('button', { name: 'Enregistrer' }).click()
    await page.getByText('Enregistré').waitFor()
    await world.deliver(person, [letter({ subject: 'Votre facture de novembre' }), letter({ subject: 'Autre' })])
    expect((await person.emails('archive')).map((email) => email['subject'])).toEqual(['Votre facture de novembre'])
    expect((await person.emails('inbox')).map((email) => email['subject'])).toEqual(['Autre'])
    await page.reload()
    await page.getByText('Factures').waitFor()
    await page.context().close()
  })

  it('b10 an absence answers each sender once', async () => {
    const [person, other] = [world.person(2), world.person(3)]
    const page = await world.page(person, undefined, '/settings/vacation')
    await page.getByLabel('Répondre à ma place pendant mon absence').check()
    await page.getByLabel('Objet').fill('Absente')
    await page.getByLabel('Message', { exact: true }).fill('De retour lundi.')
    await page.getByRole('button', { name: 'Enregistrer' }).click()
    await page.getByText('La réponse est activée').waitFor()
    await page.context().close()

    const writer = await world.page(other, await world.context({ undoSeconds: 0 }))
    for (const subject of ['Un', 'Deux']) {
      await writer.locator('body').press('c')
      await writer.getByLabel('À', { exact: true }).waitFor()
      await writer.keyboard.type(`${person.login},`)
      await writer.getByLabel('Objet').fill(subject)
      await writer.keyboard.press('Control+Enter')
      await expect.poll(async () => (await person.emails('inbox')).map((email) => email['subject'])).toContain(subject)
    }
    await expect.poll(async () => (await other.emails('inbox')).map((email) => email['subject'])).toEqual(['Absente'])
    await writer.context().close()
  })

  it('b40 a second factor is asked for once it is set up, and sessions are ended from here', async () => {
    const person = world.person(4)
    const page = await world.page(person, undefined, '/settings/security')
    await page.getByRole('button', { name: 'Mettre en place' }).click()
    const secret = await page.locator('section code').first().innerText()
    await page.getByLabel('Code').fill(totp(secret))
    await page.keyboard.press('Enter')
    await page.getByText('Gardez ces codes en lieu sûr').waitFor()
    const recovery = await page.locator('.shown code').first().innerText()

    const elsewhere = await (await world.context()).newPage()
    await elsewhere.goto(`${world.address}/mail`)
    await enter(elsewhere, person.login, person.password)
    await elsewhere.getByText('Encore une étape').waitFor()
    await elsewhere.getByLabel('Code').fill('000000')
    await elsewhere.keyboard.press('Enter')
    await elsewhere.getByRole('alert').filter({ hasText: /\S/ }).waitFor()
    await elsewhere.getByLabel('Code').fill(recovery)
    await elsewhere.keyboard.press('Enter')
    await elsewhere.locator('main#content').waitFor()

    await page.goto(`${world.address}/settings/sessions`)
    await page.getByRole('button', { name: 'Fermer toutes les autres' }).click()
    await elsewhere.getByText('Connexion', { exact: true }).waitFor({ timeout: 10_000 })
    await page.context().close()
    await elsewhere.context().close()
  })

  it('b40 a new password is asked for everywhere else', async () => {
    const person = world.person(5)
    const page = await world.page(person, undefined, '/settings/security')
    await page.getByLabel('Mot de passe actuel').fill(person.password)
    await page.getByLabel('Nouveau mot de passe').fill('un beffroi de pierre')
    await page.getByRole('button', { name: 'Changer le mot de passe' }).click()
    await page.getByText('Mot de passe changé').waitFor()
    await page.goto(`${world.address}/mail`)
    await page.locator('main#content').waitFor()
    const elsewhere = await (await world.context()).newPage()
    await elsewhere.goto(`${world.address}/mail`)
    await enter(elsewhere, person.login, person.password)
    await elsewhere.getByRole('alert').filter({ hasText: /\S/ }).waitFor()
    await enter(elsewhere, person.login, 'un beffroi de pierre')
    await elsewhere.locator('main#content').waitFor()
    await page.context().close()
    await elsewhere.context().close()
  })
})
