// Categories are keywords of the message, the same in every program. Names and colours stand here until the directory keeps them.
import type { Email } from '../jmap/types.ts'

export interface Category {
  keyword: string
  name: string
  colour: string
}

/** Colours that hold their contrast as dots in both themes. */
const COLOURS = ['#2c6b46', '#1f5c99', '#b8860b', '#8f3420', '#7a4b9a', '#0f7b83', '#8a5a2b', '#5b6b2f']

const isOwn = (keyword: string) => !keyword.startsWith('$') && keyword.length > 0

export function categoryOf(keyword: string): Category {
  let sum = 0
  for (const letter of keyword) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 9973
  const name = decode(keyword)
  return { keyword, name: name.charAt(0).toUpperCase() + name.slice(1), colour: COLOURS[sum % COLOURS.length] ?? '#1f5c99' }
}

export const categoriesOf = (email: Email): Category[] =>
  Object.keys(email.keywords).filter((keyword) => email.keywords[keyword] && isOwn(keyword)).slice(0, 3).map(categoryOf)

const decode = (keyword: string) => keyword.replace(/_+/g, ' ').trim()

/** A keyword that IMAP takes as well: letters, digits, `-` and `_`. */
export const keywordOf = (name: string): string =>
  name.trim().toLowerCase().normalize('NFD').replace(/\p{M}/gu, '').replace(/[^a-z0-9-]+/g, '_').slice(0, 64)
