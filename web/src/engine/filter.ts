// Filters and sorts of messages, judged here: for what was just changed, and for lists while the server is away.
// A condition that only the server can judge gives `undefined`.
import type { Comparator, Email, EmailAddress, Filter, FilterOperator } from '../jmap/types.ts'

const words = (addresses: EmailAddress[] | null | undefined) =>
  (addresses ?? []).map((address) => `${address.name ?? ''} ${address.email}`).join(' ')

const folded = (text: string) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()

const holds = (text: string, sought: unknown) =>
  folded(String(sought))
    .split(/\s+/)
    .filter(Boolean)
    .every((word) => folded(text).includes(word.replaceAll('"', '')))

type Judge = (email: Email, value: unknown) => boolean | undefined

const JUDGES: Record<string, Judge> = {
  inMailbox: (email, value) => email.mailboxIds[String(value)] === true,
  inMailboxOtherThan: (email, value) => Object.keys(email.mailboxIds).some((id) => !(value as string[]).includes(id)),
  hasKeyword: (email, value) => email.keywords[String(value)] === true,
  notKeyword: (email, value) => email.keywords[String(value)] !== true,
  hasAttachment: (email, value) => email.hasAttachment === value,
  before: (email, value) => email.receivedAt < String(value),
  after: (email, value) => email.receivedAt >= String(value),
  minSize: (email, value) => email.size >= Number(value),
  maxSize: (email, value) => email.size < Number(value),
  from: (email, value) => holds(words(email.from), value),
  to: (email, value) => holds(words(email.to), value),
  cc: (email, value) => holds(words(email.cc), value),
  bcc: (email, value) => holds(words(email.bcc), value),
  subject: (email, value) => holds(email.subject ?? '', value),
  text: (email, value) =>
    holds(`${email.subject ?? ''} ${email.preview} ${words(email.from)} ${words(email.to)} ${words(email.cc)}`, value) || undefined,
}

const isOperator = (filter: Filter): filter is FilterOperator => 'operator' in filter

export function matches(filter: Filter | null, email: Email): boolean | undefined {
  if (!filter) return true
  if (isOperator(filter)) {
    const parts = filter.conditions.map((condition) => matches(condition, email))
    if (filter.operator === 'NOT') return any(parts) === undefined ? undefined : !any(parts)
    return filter.operator === 'OR' ? any(parts) : all(parts)
  }
  return all(Object.entries(filter).map(([name, value]) => JUDGES[name]?.(email, value)))
}

function all(parts: (boolean | undefined)[]): boolean | undefined {
  if (parts.includes(false)) return false
  return parts.includes(undefined) ? undefined : true
}

function any(parts: (boolean | undefined)[]): boolean | undefined {
  if (parts.includes(true)) return true
  return parts.includes(undefined) ? undefined : false
}

const first = (addresses: EmailAddress[] | null | undefined) => folded(addresses?.[0]?.name || addresses?.[0]?.email || '')

const KEYS: Record<string, (email: Email, comparator: Comparator) => string | number> = {
  receivedAt: (email) => email.receivedAt,
  sentAt: (email) => email.sentAt ?? email.receivedAt,
  size: (email) => email.size,
  from: (email) => first(email.from),
  to: (email) => first(email.to),
  subject: (email) => folded((email.subject ?? '').replace(/^((re|fwd?|tr)\s*:\s*)+/i, '')),
  hasKeyword: (email, comparator) => (email.keywords[comparator.keyword ?? ''] ? 1 : 0),
}

/** Less than zero when `a` comes first. */
export function compare(sort: Comparator[], a: Email, b: Email): number {
  for (const comparator of sort) {
    const key = KEYS[comparator.property]
    if (!key) continue
    const [left, right] = [key(a, comparator), key(b, comparator)]
    if (left !== right) return (left < right ? -1 : 1) * (comparator.isAscending === false ? -1 : 1)
  }
  return 0
}
