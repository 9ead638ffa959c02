// What keys, menus and the palette do in the mail area.
import type { Command } from '../data/commands.svelte.ts'
import { go } from '../data/router.svelte.ts'
import { m } from '../paraglide/messages.js'
import * as actions from './actions.ts'
import { answer, compose } from './compose/composer.svelte.ts'
import { mail } from './mail.svelte.ts'

const moving = () => m.group_moving()
const acting = () => m.group_acting()
const writing = () => m.group_writing()
const hasTarget = () => mail.selected.size > 0 || mail.isAll || mail.openId !== null || mail.list?.at(mail.cursor) !== undefined

/** Goes up or down the list; opens what it comes to when something is open, and selects with `select`. */
function walk(by: number, select = false): void {
  const list = mail.list
  if (!list || list.total === 0) return
  const open = mail.openId ? list.indexOf(mail.openId) : -1
  const from = open >= 0 ? open : mail.cursor
  const to = Math.max(0, Math.min(list.total - 1, from + by))
  const [here, there] = [list.at(from), list.at(to)]
  if (select && here && there) {
    mail.selected.add(here)
    mail.selected.add(there)
  }
  mail.cursor = to
  if (open >= 0 && there && !select) mail.open(there, true)
  document.querySelector<HTMLElement>(`[data-row="${to}"]`)?.focus()
}

function toPlace(role: string): void {
  const mailbox = mail.ownRole(role)
  if (mailbox) go(`/mail/${encodeURIComponent(mailbox.id)}`)
}

const cursorId = () => mail.list?.at(mail.cursor)
const openNow = () => mail.openId ?? cursorId() ?? null

function select(): void {
  const id = cursorId()
  if (!id) return
  if (mail.selected.has(id)) mail.selected.delete(id)
  else mail.selected.add(id)
}

function back(): void {
  if (mail.selected.size || mail.isAll) mail.clearSelection()
  else mail.open(null)
}

export const mailCommands: Command[] = [
  { id: 'reply', keys: ['r'], label: () => m.reply(), group: writing, icon: 'reply', when: hasTarget, run: () => void answer('reply', openNow()) },
  { id: 'reply-all', keys: ['a', 'Shift+r'], label: () => m.reply_all(), group: writing, icon: 'replyAll', when: hasTarget, run: () => void answer('replyAll', openNow()) },
  { id: 'forward', keys: ['f'], label: () => m.forward(), group: writing, icon: 'forward', when: hasTarget, run: () => void answer('forward', openNow()) },
  { id: 'archive', keys: ['e'], label: () => m.archive(), group: acting, icon: 'archive', when: hasTarget, run: () => void actions.archive() },
  { id: 'delete', keys: ['Delete', '#'], label: () => m.delete_(), group: acting, icon: 'trash', when: hasTarget, run: () => void actions.remove() },
  { id: 'junk', keys: ['!'], label: () => (mail.mailbox?.role === 'junk' ? m.not_junk() : m.junk()), group: acting, icon: 'junk', when: hasTarget, run: () => void actions.junk() },
  { id: 'star', keys: ['s'], label: () => m.star(), group: acting, icon: 'star', when: hasTarget, run: () => void actions.toggle('$flagged') },
  { id: 'read', keys: ['Shift+i'], label: () => m.mark_read(), group: acting, icon: 'read', when: hasTarget, run: () => void actions.setKeyword('$seen', true) },
  { id: 'unread', keys: ['u', 'Shift+u'], label: () => m.mark_unread(), group: acting, icon: 'unread', when: hasTarget, run: () => void actions.setKeyword('$seen', false) },
  { id: 'next', keys: ['j', 'ArrowDown'], label: () => m.next_message(), group: moving, icon: 'down', run: () => walk(1) },
  { id: 'previous', keys: ['k', 'ArrowUp'], label: () => m.previous_message(), group: moving, icon: 'down', run: () => walk(-1) },
  { id: 'open', keys: ['Enter', 'o'], label: () => m.open(), group: moving, icon: 'mail', when: () => !!cursorId(), run: () => mail.open(cursorId() ?? null) },
  { id: 'back', keys: ['Escape'], label: () => m.back_to_list(), group: moving, icon: 'back', when: () => !!mail.openId || mail.selected.size > 0 || mail.isAll, run: back },
  { id: 'select', keys: ['x'], label: () => m.select(), group: acting, icon: 'check', when: hasTarget, run: select },
  { id: 'select-down', keys: ['Shift+j', 'Shift+ArrowDown'], label: () => m.select_down(), group: acting, icon: 'check', run: () => walk(1, true) },
  { id: 'select-all', keys: ['Ctrl+a'], label: () => m.select_all(), group: acting, icon: 'check', run: () => (mail.isAll = true) },
]

/** Those that need no list of messages. */
export const travelCommands: Command[] = [
  { id: 'compose', keys: ['c', 'n'], label: () => m.new_message(), group: writing, icon: 'plus', run: () => compose() },
  { id: 'go-inbox', keys: ['g i'], label: () => m.go_to({ name: m.role_inbox() }), group: moving, icon: 'inbox', run: () => toPlace('inbox') },
  { id: 'go-drafts', keys: ['g d'], label: () => m.go_to({ name: m.role_drafts() }), group: moving, icon: 'drafts', run: () => toPlace('drafts') },
  { id: 'go-sent', keys: ['g t'], label: () => m.go_to({ name: m.role_sent() }), group: moving, icon: 'sent', run: () => toPlace('sent') },
  { id: 'go-starred', keys: ['g f'], label: () => m.go_to({ name: m.starred() }), group: moving, icon: 'star', run: () => go('/mail/starred') },
  { id: 'go-removed', keys: ['g r'], label: () => m.removed_open(), group: moving, icon: 'trash', when: () => mail.hasHistory(mail.own), run: () => go('/mail/removed') },
  { id: 'go-rescue', keys: [], label: () => m.rescue_open(), group: moving, icon: 'shield', when: () => mail.hasRescue, run: () => go('/mail/rescue') },
  { id: 'go-past', keys: ['g p'], label: () => m.past_open(), group: moving, icon: 'clock', when: () => mail.hasRescue, run: () => go('/mail/past') },
]
