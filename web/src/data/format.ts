// Dates, sizes and names as people say them.
import { m } from '../paraglide/messages.js'
import type { EmailAddress } from '../jmap/types.ts'
import { preferences } from './preferences.svelte.ts'

const made = new Map<string, Intl.DateTimeFormat>()

function formatted(date: Date, options: Intl.DateTimeFormatOptions): string {
  const key = preferences.language + JSON.stringify(options)
  const format = made.get(key) ?? new Intl.DateTimeFormat(preferences.language === 'fr' ? 'fr-FR' : 'en-GB', options)
  made.set(key, format)
  return format.format(date)
}

const midnight = (date: Date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime()
const DAY = 86_400_000

/** Whole days between the day of a date and today; negative for days to come. */
export const daysAgo = (date: Date, now = new Date()) => Math.round((midnight(now) - midnight(date)) / DAY)

export const time = (date: Date) => formatted(date, { hour: '2-digit', minute: '2-digit' })
export const full = (text: string) => formatted(new Date(text), { dateStyle: 'full', timeStyle: 'short' })

/** A day in words: "Tuesday 1 December 2026". */
export const day = (date: Date) => formatted(date, { dateStyle: 'full' })

/** "Tue 3": the day of a week that is not long ago. */
export const weekday = (date: Date) => formatted(date, { weekday: 'short', day: 'numeric' })
/** "3 Dec", with the year when it is another one. */
export const dayMonth = (date: Date) => formatted(date, { day: 'numeric', month: 'short', ...(date.getFullYear() === new Date().getFullYear() ? {} : { year: 'numeric' }) })

/** For a row of a list: the time today, the day of this week, then the date. */
export function short(text: string): string {
  const date = new Date(text)
  const days = daysAgo(date)
  if (days === 0) return time(date)
  if (days > 0 && days < 7) return formatted(date, { weekday: 'short', hour: '2-digit', minute: '2-digit' })
  const isThisYear = date.getFullYear() === new Date().getFullYear()
  return formatted(date, isThisYear ? { day: 'numeric', month: 'short' } : { day: 'numeric', month: 'short', year: 'numeric' })
}

/** For a sentence: "today, 09:42". */
export function said(text: string): string {
  const date = new Date(text)
  const days = daysAgo(date)
  if (days === 0) return `${m.today()}, ${time(date)}`.toLowerCase()
  if (days === 1) return `${m.yesterday()}, ${time(date)}`.toLowerCase()
  return formatted(date, { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric', hour: '2-digit', minute: '2-digit' })
}

export interface Group {
  key: string
  label: string
}

/** The part of a list sorted by date that a message belongs to. */
export function group(text: string, now = new Date()): Group {
  const date = new Date(text)
  const days = daysAgo(date, now)
  if (days <= 0) return { key: 'today', label: m.today() }
  if (days === 1) return { key: 'yesterday', label: m.yesterday() }
  const weekday = (now.getDay() + 6) % 7
  if (days <= weekday) return { key: 'week', label: m.this_week() }
  if (days <= weekday + 7) return { key: 'lastWeek', label: m.last_week() }
  const label = formatted(date, { month: 'long', year: 'numeric' })
  return { key: `${date.getFullYear()}-${date.getMonth()}`, label: label.charAt(0).toUpperCase() + label.slice(1) }
}

/** Sizes by thousands, in Ko or KB. */
export function size(bytes: number): string {
  const units = preferences.language === 'fr' ? ['o', 'Ko', 'Mo', 'Go', 'To'] : ['B', 'KB', 'MB', 'GB', 'TB']
  let [value, unit] = [bytes, 0]
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  const digits = value < 10 && unit > 0 ? 1 : 0
  return `${value.toLocaleString(preferences.language, { maximumFractionDigits: digits })} ${units[unit]}`
}

export const count = (value: number) => value.toLocaleString(preferences.language)

export const nameOf = (address: EmailAddress | undefined) => address?.name || address?.email || m.nobody()

export function people(addresses: EmailAddress[] | null | undefined): string {
  const list = addresses ?? []
  const names = list.slice(0, 3).map(nameOf)
  return names.join(', ') + (list.length > 3 ? ` +${list.length - 3}` : '')
}
