// Addresses: what people type, and who they may mean.
import { every } from '../../data/objects.svelte.ts'
import { engine } from '../../data/client.svelte.ts'
import type { Email, EmailAddress, Id } from '../../jmap/types.ts'

/** `Anne <anne@x.example>, paul@x.example` */
export function parse(text: string): EmailAddress[] {
  const parts = text.match(/(?:"[^"]*"|[^,;\n])+/g) ?? []
  return parts.map((part) => one(part.trim())).filter((address) => address !== null)
}

function one(text: string): EmailAddress | null {
  const [, name = '', email = ''] = /^(.*?)\s*<([^<>\s]+)>$/.exec(text) ?? [null, '', text]
  return email ? { name: name.replace(/^"|"$/g, '').trim() || null, email } : null
}

export const isValid = (address: EmailAddress) => /^[^\s@<>]+@[^\s@<>]+\.[^\s@<>.]+$/.test(address.email)

const folded = (text: string) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()
const SUGGESTED = 6

/** Whom one wrote to or heard from, the frequent ones first, then people of the organisation. */
export async function suggested(account: Id, text: string, taken: EmailAddress[]): Promise<EmailAddress[]> {
  const wanted = folded(text.trim())
  if (!wanted) return []
  const without = new Set(taken.map((address) => address.email.toLowerCase()))
  const found = new Map<string, { address: EmailAddress; times: number }>()
  const add = (address: EmailAddress) => {
    const key = address.email.toLowerCase()
    if (without.has(key) || !folded(`${address.name ?? ''} ${key}`).split(/[\s.@<-]+/).concat(key).some((word) => word.startsWith(wanted))) return
    const there = found.get(key)
    found.set(key, { address: there?.address.name ? there.address : address, times: (there?.times ?? 0) + 1 })
  }
  for (const email of every<Email>(account, 'Email')) for (const address of [...(email.from ?? []), ...(email.to ?? [])]) add(address)
  if (found.size < SUGGESTED) for (const address of await people(account, text.trim())) add(address)
  return [...found.values()].sort((a, b) => b.times - a.times).slice(0, SUGGESTED).map(({ address }) => address)
}

/** People of the organisation (RFC 9670), where the server tells them. */
async function people(account: Id, text: string): Promise<EmailAddress[]> {
  try {
    const answers = await engine.request([
      ['Principal/query', { accountId: account, filter: { text }, limit: SUGGESTED }, 'q'],
      ['Principal/get', { accountId: account, '#ids': { resultOf: 'q', name: 'Principal/query', path: '/ids' } }, 'g'],
    ])
    const list = (answers[1]?.[1]['list'] ?? []) as { name: string; email: string | null }[]
    return list.filter((one) => one.email).map((one) => ({ name: one.name, email: one.email ?? '' }))
  } catch {
    return []
  }
}
