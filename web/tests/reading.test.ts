import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findings } from './axe.ts'
import { letter, many, multipart } from './letters.ts'
import { World } from './world.ts'

const COUNT = 1_200
let world: World
beforeAll(async () => {
  world = await World.open(4)
  await world.deliver(world.person(1), many(COUNT))
  await world.deliver(world.person(2), many(30))
}, 180_000)
afterAll(() => world.close())

describe('the list', () => {
  it('b04 a long folder scrolls to its end without blank rows', async () => {
    const page = await world.page(world.person(1))
    await page.locator('[data-row="0"]').waitFor()
    await page.locator('.scroll').first().evaluate((element) => element.scrollTo({ top: element.scrollHeight }))
    await page.locator(`[data-row="${COUNT - 1}"]`).waitFor()
    expect(await page.locator('[role=row]').count()).toBeLessThan(60)
    await page.context().close()
  })

  it('b03 twenty messages are triaged by keys alone', async () => {
    const person = world.person(2)
    const page = await world.page(person)
    await page.locator('[data-row="0"]').waitFor()
    await page.locator('body').press('Enter')
    await page.locator('article').waitFor()
    const archived: string[] = []
    for (let count = 0; count < 20; count++) {
      const id = new URL(page.url()).pathname.split('/')[3] ?? ''
      archived.push(id)
      await page.locator('body').press('e')
      await page.waitForURL((url) => !url.pathname.endsWith(`/${id}`))
    }
    const there = async () => (await person.emails('archive')).map((email) => email['id'])
    await expect.poll(async () => (await there()).length, { timeout: 15_000 }).toBe(20)
    expect((await there()).sort()).toEqual(archived.sort())
    await page.context().close()
  })

  it('b05 conversations are one row, and are opened message by message', async () => {
    const person = world.person(3)
    const first = letter({ subject: 'La cloche', headers: ['Message-ID: <bell-1@others.example>'] })
    const second = letter({ subject: 'Re: La cloche', from: 'Paul Lengrand <paul@others.example>', body: 'Oui, elle sonne.', headers: ['Message-ID: <bell-2@others.example>', 'In-Reply-To: <bell-1@others.example>', 'References: <bell-1@others.example>'] })
    await world.deliver(person, [first, second])
    const page = await world.page(person)
    const row = page.locator('[role=row]', { hasText: 'La cloche' })
    await row.waitFor()
    expect(await row.count()).toBe(1)
    await row.click()
    await expect.poll(() => page.locator('article').count()).toBe(2)
    await page.context().close()
  })

  it('b04 words of a body find their message', async () => {
    const person = world.person(3)
    await world.deliver(person, [letter({ subject: 'Autre chose', body: 'Le carillonneur arrive samedi.' }), letter({ subject: 'Rien' })])
    const page = await world.page(person)
    await page.keyboard.press('Control+k')
    await page.getByRole('combobox').waitFor()
    await page.keyboard.type('carillonneur')
    await page.keyboard.press('Enter')
    await page.locator('[role=row]', { hasText: 'Autre chose' }).waitFor()
    await expect.poll(() => page.locator('[role=row]').count()).toBe(1)
    await page.context().close()
  })

  it('b04 a new message shows by itself', async () => {
    const person = world.person(3)
    const page = await world.page(person)
    await page.locator('[data-row="0"]').waitFor()
    await world.deliver(person, [letter({ subject: 'Arrivé à l’instant' })])
    await page.locator('[data-row="0"]', { hasText: 'Arrivé à l’instant' }).waitFor({ timeout: 5_000 })
    await page.context().close()
  })
})

describe('reading', () => {
  it('b12 nothing of others is fetched before it is allowed, and no script of a message runs', async () => {
    const person = world.person(3)
    const html = '<p>Bonjour</p><img src="https://tracker.example/a.png"><img src=x onerror="top.document.title=1"><script>top.document.title=2</script><div style="background:url(https://tracker.example/b.png)">x</div>'
    await world.deliver(person, [letter({ subject: 'Infolettre', type: 'text/html; charset=utf-8', body: html })])
    const context = await world.context()
    const asked: string[] = []
    context.on('request', (request) => void (new URL(request.url()).origin !== world.address && asked.push(request.url())))
    const page = await world.page(person, context)
    await page.locator('[role=row]', { hasText: 'Infolettre' }).click()
    await page.getByText('1 image distante n’a pas été chargée.').waitFor()
    await page.frameLocator('iframe[title="Texte du message"]').getByText('Bonjour').waitFor()
    expect(asked.filter((url) => !url.startsWith('blob:'))).toEqual([])
    expect(await page.title()).toContain('Beffroi')
    await context.close()
  })

  it('b06 an invitation is shown with its facts', async () => {
    const person = world.person(3)
    const calendar = [
      'BEGIN:VCALENDAR', 'VERSION:2.0', 'METHOD:REQUEST', 'BEGIN:VEVENT', 'UID:conseil@others.example', 'DTSTAMP:20261122T100000Z',
      'DTSTART;TZID=Europe/Paris:20261201T140000', 'DTEND;TZID=Europe/Paris:20261201T153000', 'RRULE:FREQ=MONTHLY;COUNT=5',
      'SUMMARY:Conseil municipal', 'LOCATION:Salle du beffroi', 'ORGANIZER;CN=Anne Bellec:mailto:anne@others.example',
      'ATTENDEE;CN=Paul Lengrand;PARTSTAT=ACCEPTED:mailto:paul@others.example', 'END:VEVENT', 'END:VCALENDAR', '',
    ].join('\r\n')
    const parts: [string[], string][] = [[['Content-Type: text/plain; charset=utf-8'], 'Vous êtes invité.'], [['Content-Type: text/calendar; method=REQUEST; charset=utf-8'], calendar]]
    await world.deliver(person, [letter({ subject: 'Invitation', ...multipart('alternative', parts) })])
    const page = await world.page(person)
    await page.locator('[role=row]', { hasText: 'Invitation' }).click()
    const event = page.getByRole('region', { name: 'Invitation' })
    await event.getByRole('heading', { name: 'Conseil municipal' }).waitFor()
    const facts = await event.innerText()
    for (const fact of ['mardi 1 décembre 2026', 'tous les mois', 'Salle du beffroi', 'Anne Bellec', 'Paul Lengrand a accepté']) expect(facts).toContain(fact)
    expect(await findings(page)).toEqual([])
    await page.context().close()
  })

  it('b06 an attached message inside an attached message is read in place', async () => {
    const person = world.person(3)
    const deepest = letter({ subject: 'Tout au fond', body: 'Le plan de la tour.' })
    const inner = letter({ subject: 'Au milieu', ...multipart('mixed', [[['Content-Type: text/plain'], 'Voir la suite.'], [['Content-Type: message/rfc822'], deepest]]) })
    const outer = letter({ subject: 'Dessus', ...multipart('mixed', [[['Content-Type: text/plain'], 'Voir la pièce jointe.'], [['Content-Type: message/rfc822'], inner]]) })
    await world.deliver(person, [outer])
    const page = await world.page(person)
    await page.locator('[role=row]', { hasText: 'Dessus' }).click()
    await page.getByRole('button', { name: 'Aperçu' }).click()
    const dialog = page.getByRole('dialog').last()
    await dialog.frameLocator('iframe').getByText('Voir la suite.').waitFor()
    await dialog.getByRole('button', { name: 'Aperçu' }).click()
    await page.getByRole('dialog').last().frameLocator('iframe').getByText('Le plan de la tour.').waitFor()
    await page.context().close()
  })

  it('b06 an attachment is downloaded as it was sent', async () => {
    const person = world.person(3)
    const bytes = Buffer.from(Array.from({ length: 5_000 }, (_, index) => index % 251))
    const file = [['Content-Type: application/octet-stream', 'Content-Disposition: attachment; filename="plan.bin"', 'Content-Transfer-Encoding: base64'], bytes.toString('base64').replace(/.{76}/g, '$&\r\n')] as [string[], string]
    await world.deliver(person, [letter({ subject: 'Le plan', ...multipart('mixed', [[['Content-Type: text/plain'], 'Voici.'], file]) })])
    const page = await world.page(person)
    await page.locator('[role=row]', { hasText: 'Le plan' }).first().click()
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Télécharger plan.bin' }).click()])
    const chunks: Buffer[] = []
    for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer)
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true)
    await page.context().close()
  })
})

describe('two tabs', () => {
  it('b01 what one tab does shows in the other', async () => {
    const context = await world.context()
    const person = world.person(1)
    const one = await world.page(person, context)
    const two = await world.page(person, context)
    await one.locator('[data-row="0"]').waitFor()
    await two.locator('[data-row="0"]').waitFor()
    const id = await one.locator('[data-row="0"]').getAttribute('data-id')
    await one.locator(`[data-id="${id}"]`).getByRole('button', { name: 'Suivre' }).click()
    await two.locator(`[data-id="${id}"] button[aria-pressed=true]`).waitFor()
    await context.close()
  })
})
