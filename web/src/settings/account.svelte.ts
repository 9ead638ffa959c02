// What the settings share: the account, and telling what became of something.
import { engine, status } from '../data/client.svelte.ts'
import { toast } from '../data/toasts.svelte.ts'
import { Problem } from '../jmap/auth.ts'
import { MAIL, type Id } from '../jmap/types.ts'
import { m } from '../paraglide/messages.js'

export const account = (): Id => status.session?.primaryAccounts[MAIL] ?? ''

/** One call of `/set` with the server there, because its answer is what people wait for. */
export async function set(type: string, args: Record<string, unknown>): Promise<Record<string, unknown>> {
  const answer = await engine.call(`${type}/set`, { accountId: account(), ...args })
  const refused = [answer['notCreated'], answer['notUpdated'], answer['notDestroyed']].flatMap((map) => Object.values((map ?? {}) as Record<string, { type: string; description?: string }>))
  if (refused[0]) throw new Error(refused[0].description ?? refused[0].type)
  return answer
}

export async function told(work: () => Promise<unknown>, done = ''): Promise<boolean> {
  try {
    await work()
    if (done) toast(done)
    return true
  } catch (error) {
    toast(error instanceof Problem ? problem(error) : m.failed_change({ detail: error instanceof Error ? error.message : '' }), null, { isBad: true })
    return false
  }
}

export function problem(error: Problem): string {
  if (error.field === 'password') return m.wrong_present_password()
  if (error.field === 'newPassword') return m.wrong_new_password()
  if (error.field === 'code') return m.wrong_code()
  if (error.status === 0) return m.wrong_network()
  return m.failed_change({ detail: error.detail })
}
