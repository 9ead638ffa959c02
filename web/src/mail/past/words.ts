// What the server says of the past, in the words of people.
import { daysAgo, said, time } from '../../data/format.ts'
import { DAY_MS } from './marks.ts'
import type { SetError } from '../../jmap/types.ts'
import { m } from '../../paraglide/messages.js'
import { ROLES } from '../places.ts'

/** The name in `Name <address>`, or the address. */
export function nameIn(sender: string): string {
  const [, name = '', address = ''] = /^\s*"?([^"<]*?)"?\s*<([^>]*)>\s*$/.exec(sender) ?? []
  return name || address || sender.trim()
}

const THROUGH: Record<string, () => string> = {
  jmap: () => m.through_web(), imap: () => m.through_program(), pop3: () => m.through_program(), sync: () => m.through_program(), dav: () => m.through_program(),
  lmtp: () => m.through_filter(), smtp: () => m.through_filter(), submission: () => m.through_filter(), sieve: () => m.through_filter(),
  cli: () => m.through_administrator(), admin: () => m.through_administrator(), sql: () => m.through_administrator(),
}

/** Who removed something, and how: "by you, in the browser". */
export function byWhom(by: string | null, through: string | null, own: string): string {
  const who = by === null ? '' : by === own ? m.by_you() : m.by_whom({ name: by })
  return [who, THROUGH[through ?? '']?.() ?? ''].filter(Boolean).join(', ')
}

/** Until when it is kept: "12 days left". */
export function left(expiresAt: string | null): string {
  if (expiresAt === null) return m.kept_held()
  const days = (Date.parse(expiresAt) - Date.now()) / DAY_MS
  return days < 1 ? m.left_hours() : m.left_days({ count: Math.round(days) })
}

/** A path with the names that people know: `INBOX/Clients` begins with the inbox. */
export function pathShown(path: string): string {
  const [first = '', ...rest] = path.split('/')
  const name = /^inbox$/i.test(first) ? (ROLES['inbox']?.label() ?? first) : first
  return [name, ...rest].join(' / ')
}

/** What stood in the way, once for each kind. */
export function problemsOf(problems: SetError[]): string {
  const words: Record<string, () => string> = { overQuota: () => m.not_restored_quota(), forbidden: () => m.not_restored_right(), notFound: () => m.not_restored_gone() }
  return [...new Set(problems.map((problem) => (words[problem.type] ?? (() => problem.description ?? problem.type))()))].join(' ')
}

/** The moment of an image in a sentence. */
export function momentOf(at: string): string {
  const days = daysAgo(new Date(at))
  return days === 0 ? m.today_at({ time: time(new Date(at)) }) : days === 1 ? m.yesterday_at({ time: time(new Date(at)) }) : said(at)
}
