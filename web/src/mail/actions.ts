// What one does with messages: each shows at once, and can be taken back.
import { engine } from '../data/client.svelte.ts'
import { toast } from '../data/toasts.svelte.ts'
import type { Id, Patch } from '../jmap/types.ts'
import { m } from '../paraglide/messages.js'
import { escape } from '../engine/patch.ts'
import { go } from '../data/router.svelte.ts'
import { mail } from './mail.svelte.ts'
import { nameOf } from './places.ts'

type Patches = Record<Id, Patch>

/** Messages a change; more are changed in several. */
const AT_ONCE = 400

async function apply(patches: Patches, account = mail.account): Promise<Patches> {
  const all = Object.entries(patches)
  let back: Patches = {}
  for (let at = 0; at < all.length; at += AT_ONCE) {
    const update = Object.fromEntries(all.slice(at, at + AT_ONCE))
    back = { ...back, ...(await engine.change({ account, type: 'Email', update })) }
  }
  return back
}

/** Opens the neighbour of what goes away, so that one reads on. */
function step(ids: Id[]): void {
  const open = mail.openId
  if (!open || !ids.includes(open) || !mail.list) return mail.clearSelection()
  const at = mail.list.indexOf(open)
  const isWide = matchMedia('(min-width: 1000px)').matches
  let next: Id | undefined
  for (let index = at + 1; index < mail.list.total && !next; index++) {
    const id = mail.list.at(index)
    if (id === undefined) break
    if (!ids.includes(id)) next = id
  }
  mail.clearSelection()
  mail.open(isWide ? (next ?? null) : null, true)
}

async function place(ids: Id[], to: Id, said: (count: number) => string): Promise<void> {
  if (ids.length === 0) return
  const patches = Object.fromEntries(ids.map((id): [Id, Patch] => [id, { mailboxIds: { [to]: true } }]))
  step(ids)
  const account = mail.account
  const back = await apply(patches, account)
  toast(said(ids.length), () => void apply(back, account))
}

export async function archive(ids?: Id[]): Promise<void> {
  const to = mail.role('archive')
  if (to) await place(ids ?? (await mail.targets()), to.id, (count) => m.done_archived({ count }))
}

export async function moveTo(to: Id, ids?: Id[]): Promise<void> {
  const mailbox = mail.mailboxes.find((one) => one.id === to)
  if (mailbox) await place(ids ?? (await mail.targets()), to, (count) => m.done_moved({ count, name: nameOf(mailbox) }))
}

/** The way to what was removed, where it is kept for a while. */
const recoverable = (account: Id) => (mail.hasHistory(account) ? { label: m.removed_recover(), run: () => go(mail.path(account, 'removed')) } : null)

/** To the bin; from the bin and from drafts for good. */
export async function remove(ids?: Id[]): Promise<void> {
  const targets = ids ?? (await mail.targets())
  const trash = mail.role('trash')
  if (targets.length === 0) return
  if (trash && mail.mailbox?.id !== trash.id) return place(targets, trash.id, (count) => m.done_deleted({ count }))
  step(targets)
  await engine.change({ account: mail.account, type: 'Email', destroy: targets })
  toast(m.done_destroyed({ count: targets.length }), null, { link: recoverable(mail.account) })
}

export async function junk(): Promise<void> {
  const from = mail.role('junk')
  const isJunk = mail.mailbox?.id === from?.id
  const to = isJunk ? mail.inbox : from
  if (!to) return
  const ids = await mail.targets()
  step(ids)
  const keywords: Patch = isJunk ? { 'keywords/$notjunk': true, 'keywords/$junk': null } : { 'keywords/$junk': true, 'keywords/$notjunk': null }
  const account = mail.account
  const back = await apply(Object.fromEntries(ids.map((id) => [id, { mailboxIds: { [to.id]: true }, ...keywords }])), account)
  toast(isJunk ? m.done_not_junk({ count: ids.length }) : m.done_junk({ count: ids.length }), () => void apply(back, account))
}

export async function setKeyword(keyword: string, on: boolean, ids?: Id[]): Promise<void> {
  const targets = ids ?? (await mail.targets())
  const path = `keywords/${escape(keyword)}`
  const changed = targets.filter((id) => (mail.email(id)?.keywords[keyword] === true) !== on || !mail.email(id))
  if (changed.length) await apply(Object.fromEntries(changed.map((id) => [id, { [path]: on ? true : null }])))
}

export async function toggle(keyword: string): Promise<void> {
  const targets = await mail.targets()
  const isOn = targets.every((id) => mail.email(id)?.keywords[keyword])
  await setKeyword(keyword, !isOn, targets)
}

/** The star of a row: of this message only. */
export const star = (id: Id) => setKeyword('$flagged', !mail.email(id)?.keywords['$flagged'], [id])

export async function markAllRead(mailboxId: Id, account = mail.account): Promise<void> {
  const filter = { operator: 'AND' as const, conditions: [{ inMailbox: mailboxId }, { notKeyword: '$seen' }] }
  const ids = await engine.every({ account, filter, sort: [], collapseThreads: false })
  const back = await apply(Object.fromEntries(ids.map((id) => [id, { 'keywords/$seen': true }])), account)
  toast(m.done_read({ count: ids.length }), () => void apply(back, account))
}

export async function empty(mailboxId: Id, account = mail.account): Promise<void> {
  const ids = await engine.every({ account, filter: { inMailbox: mailboxId }, sort: [], collapseThreads: false })
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    await engine.change({ account, type: 'Email', destroy: ids.slice(at, at + AT_ONCE) })
  }
  toast(m.done_destroyed({ count: ids.length }), null, { link: recoverable(account) })
}
