// What to say when a login does not work, and what to do then.
import { Problem } from '../jmap/auth.ts'
import { m } from '../paraglide/messages.js'

const CODES: Record<string, () => string> = {
  provider: () => m.wrong_provider(),
  state: () => m.wrong_state(),
  unknown: () => m.wrong_unknown(),
  closed: () => m.wrong_closed(),
  claims: () => m.wrong_claims(),
}

export function sentence(error: unknown): string {
  if (typeof error === 'string') return CODES[error]?.() ?? ''
  if (error === null || error === undefined) return ''
  if (error instanceof DOMException) return m.wrong_passkey()
  if (!(error instanceof Problem)) return m.wrong_network()
  if (error.status === 429) return m.wrong_often({ count: Math.max(1, Math.ceil(error.retryAfter / 60)) })
  if (error.status === 0 || error.status >= 500) return m.wrong_network()
  if (error.field === 'code') return m.wrong_code()
  if (error.field === 'newPassword') return m.wrong_new_password()
  if (error.field === 'credential' || error.field === 'site') return m.wrong_passkey()
  if (error.field === 'ticket') return m.wrong_ticket()
  if (error.field === 'login' && error.detail.match(/lock|closed/i)) return m.wrong_closed()
  return m.wrong_login()
}
