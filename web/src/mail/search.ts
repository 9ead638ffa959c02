// What people type into the search field: words, and conditions like `from:anne`, `is:unread`, `has:attachment`, `before:2026-11-01`.
import type { Filter, Mailbox } from '../jmap/types.ts'
import { nameOf } from './places.ts'

const TEXTS: Record<string, string> = { from: 'from', de: 'from', to: 'to', 'à': 'to', cc: 'cc', subject: 'subject', objet: 'subject', body: 'body', texte: 'body' }
const STATES: Record<string, Filter> = {
  unread: { notKeyword: '$seen' }, 'non-lu': { notKeyword: '$seen' }, read: { hasKeyword: '$seen' }, lu: { hasKeyword: '$seen' },
  starred: { hasKeyword: '$flagged' }, suivi: { hasKeyword: '$flagged' }, answered: { hasKeyword: '$answered' }, draft: { hasKeyword: '$draft' },
}

export interface Term {
  name: string
  value: string
}

/** `name:value`, `name:"two words"`, and words. */
export function terms(text: string): Term[] {
  const found = text.matchAll(/(?:([\p{L}]+):)?(?:"([^"]*)"|(\S+))/gu)
  return [...found].map(([, name = '', quoted, word = '']) => ({ name: name.toLowerCase(), value: quoted === undefined ? word : name ? quoted : `"${quoted}"` }))
}

function condition({ name, value }: Term, mailboxes: Mailbox[]): Filter | string {
  const field = TEXTS[name]
  if (field) return { [field]: value }
  if (name === 'is' || name === 'est') return STATES[value.toLowerCase()] ?? `${name}:${value}`
  if (name === 'has' || name === 'avec') return { hasAttachment: true }
  if ((name === 'before' || name === 'avant') && !Number.isNaN(Date.parse(value))) return { before: new Date(value).toISOString() }
  if ((name === 'after' || name === 'depuis') && !Number.isNaN(Date.parse(value))) return { after: new Date(value).toISOString() }
  if (name === 'larger' || name === 'plus') return { minSize: bytes(value) }
  if (name === 'in' || name === 'dans') {
    const wanted = value.toLowerCase()
    const box = mailboxes.find((one) => one.name.toLowerCase() === wanted || nameOf(one).toLowerCase() === wanted || one.role === wanted)
    if (box) return { inMailbox: box.id }
  }
  return name ? `${name}:${value}` : value
}

function bytes(text: string): number {
  const [, number = '0', unit = ''] = /^(\d+)\s*([kmg]?)/i.exec(text) ?? []
  return Number(number) * ({ k: 1e3, m: 1e6, g: 1e9 }[unit.toLowerCase()] ?? 1)
}

/** The filter that the words mean; `null` for none. */
export function understood(text: string, mailboxes: Mailbox[]): Filter | null {
  const parts = terms(text).map((term) => condition(term, mailboxes))
  const words = parts.filter((part) => typeof part === 'string').join(' ')
  const conditions = parts.filter((part) => typeof part !== 'string')
  if (words) conditions.push({ text: words })
  if (conditions.length === 0) return null
  return conditions.length === 1 ? (conditions[0] ?? null) : { operator: 'AND', conditions }
}
