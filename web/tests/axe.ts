import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

const source = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
interface Violation {
  id: string
  nodes: { html: string; any: { message: string }[] }[]
}

/** What axe finds on the page, in words. */
export async function findings(page: Page): Promise<string[]> {
  // Through the debugger, since the page runs no script that is not its own.
  await page.evaluate(await readFile(source, 'utf8'))
  const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: { run: (options: object) => Promise<{ violations: Violation[] }> } }).axe.run({ iframes: false }))
  return violations.flatMap((one) => one.nodes.map((node) => `${new URL(page.url()).pathname} ${one.id}: ${node.html.slice(0, 140)} ${node.any[0]?.message ?? ''}`))
}
