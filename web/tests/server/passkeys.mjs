// A passkey through the pages of a real server: made in the settings, then used beside the password and alone.
// Called with the address of the server, a login name and its password; ends with 0 when all went as it should.
import assert from 'node:assert/strict'
import { chromium } from 'playwright-core'

const [address, name, password] = process.argv.slice(2)
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
const context = await browser.newContext({ locale: 'en-GB', serviceWorkers: 'block' })
await context.addInitScript(() => localStorage.setItem('beffroi-preferences', JSON.stringify({ language: 'en' })))
const page = await context.newPage()
page.setDefaultTimeout(20_000)
/** What the login was asked and answered, for when it goes wrong. */
const story = []
page.on('response', async (answer) => {
  const request = answer.request()
  const path = new URL(answer.url()).pathname
  if (path.startsWith('/auth/')) story.push(`${request.method()} ${path} ${answer.status()}${(await answer.headerValue('set-cookie')) ? ' new cookie' : ''}`)
})
const devtools = await context.newCDPSession(page)
await devtools.send('WebAuthn.enable')
const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
  options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
})

/** Fills the first form of the login. */
async function byPassword() {
  await page.goto(`${address}/login`)
  await page.fill('input[name=username]', name)
  await page.fill('input[name=password]', password)
  await page.getByRole('button', { name: 'Log in', exact: true }).click()
}

/** Asks the server as the page does. */
const ask = (path, method = 'GET', body) =>
  page.evaluate(
    async ([path, method, body]) => {
      const session = await (await fetch('/auth/session')).json()
      const headers = { 'content-type': 'application/json', ...(session.csrf ? { 'x-beffroi-csrf': session.csrf } : {}) }
      const answer = await fetch(path, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) })
      return { status: answer.status, body: await answer.json().catch(() => null) }
    },
    [path, method, body],
  )

/** The server knows the browser, and the page shows mail. */
async function isIn() {
  // A promise would count as true for `waitForFunction`, whatever comes of it.
  for (const until = Date.now() + 20_000; (await ask('/auth/session')).status !== 200; await page.waitForTimeout(100)) {
    assert.ok(Date.now() < until, 'the login came to nothing')
  }
  await page.locator('input[name=username]').waitFor({ state: 'detached' })
}
async function out() {
  const answer = await ask('/auth/logout', 'POST', {})
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  assert.equal((await ask('/auth/session')).status, 401)
}

try {
  await byPassword()
  await isIn()
  assert.equal((await ask('/auth/session')).body.secondFactor, false)

  // Made in the settings.
  await page.goto(`${address}/settings/security`)
  await page.getByRole('textbox', { name: 'Name of the device' }).fill('Phone')
  await page.getByRole('button', { name: 'Add a passkey' }).click()
  await page.getByText('Phone', { exact: false }).first().waitFor()
  await page.getByText('never used', { exact: false }).first().waitFor()
  const codes = await page.locator('[role=status] li code').allTextContents()
  assert.equal(codes.length, 10, 'recovery codes are shown with the first second factor')
  const { credentials } = await devtools.send('WebAuthn.getCredentials', { authenticatorId })
  assert.equal(credentials.length, 1)
  assert.equal(credentials[0].rpId, 'localhost')
  assert.equal((await ask('/auth/session')).body.secondFactor, true)
  await out()

  // Beside the password.
  await byPassword()
  await page.getByRole('button', { name: 'With a passkey' }).click()
  await isIn()
  await out()

  // Alone, without a name.
  await page.goto(`${address}/login`)
  await page.getByRole('button', { name: 'With a passkey' }).click()
  await isIn()
  const session = (await ask('/auth/session')).body
  assert.equal(session.login, name)
  const [kept] = (await ask('/auth/passkeys')).body.passkeys
  assert.ok(kept.lastUsedAt >= kept.createdAt)
  await out()

  // A recovery code instead.
  await byPassword()
  await page.fill('input[name=code]', codes[0])
  await page.getByRole('button', { name: 'Continue' }).click()
  await isIn()

  // Someone who does not show who he is, is not let in.
  await out()
  await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false })
  await page.goto(`${address}/login`)
  await page.getByRole('button', { name: 'With a passkey' }).click()
  await page.locator('.wrong:not(:empty)').waitFor()
  assert.equal((await ask('/auth/session')).status, 401)
  await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true })

  // Removed: it opens nothing more, and the password is enough again.
  await page.goto(`${address}/login`)
  await page.getByRole('button', { name: 'With a passkey' }).click()
  await isIn()
  await page.goto(`${address}/settings/security`)
  const row = page.locator('.row', { hasText: 'Phone' })
  await row.getByRole('button', { name: 'Remove' }).click()
  await row.waitFor({ state: 'detached' })
  await out()
  await page.goto(`${address}/login`)
  await page.getByRole('button', { name: 'With a passkey' }).click()
  await page.locator('.wrong:not(:empty)').waitFor()
  await byPassword()
  await isIn()
} catch (error) {
  console.error(error)
  console.error(story.join('\n'))
  console.error(page.url(), await page.locator('body').innerText().catch(() => ''))
  process.exitCode = 1
} finally {
  await browser.close()
}
