// Menus that several places show.
import { m } from '../paraglide/messages.js'
import type { Item } from '../ui/Menu.svelte'
import { moveTo, setKeyword } from './actions.ts'
import { categoryOf } from './categories.ts'
import { mail } from './mail.svelte.ts'
import { iconOf, pathOf, tree } from './places.ts'
import { SvelteSet } from 'svelte/reactivity'

export function moveItems(): Item[] {
  return tree(mail.mailboxes)
    .filter(({ mailbox }) => mailbox.id !== mail.mailbox?.id && mailbox.role !== 'drafts' && mailbox.myRights?.mayAddItems !== false)
    .map(({ mailbox }) => ({ label: pathOf(mailbox, mail.mailboxes), icon: iconOf(mailbox), run: () => void moveTo(mailbox.id) }))
}

/** Categories that were seen or made here. */
export const known = new SvelteSet<string>(['important', 'travail', 'personnel'])

export function categoryItems(keywords: Record<string, boolean>, other: () => void): Item[] {
  const all = new Set([...known, ...Object.keys(keywords).filter((keyword) => !keyword.startsWith('$'))])
  const items = [...all].map((keyword): Item => {
    const { name, colour } = categoryOf(keyword)
    const isOn = keywords[keyword] === true
    return { label: name, colour, checked: isOn, run: () => void setKeyword(keyword, !isOn) }
  })
  return [...items, { label: m.new_category(), icon: 'plus', begins: true, run: other }]
}
