// What one does with folders.
import { engine } from '../data/client.svelte.ts'
import { mailboxes } from '../data/objects.svelte.ts'
import { toast } from '../data/toasts.svelte.ts'
import { go } from '../data/router.svelte.ts'
import type { Id, Mailbox } from '../jmap/types.ts'
import { m } from '../paraglide/messages.js'
import type { Item } from '../ui/Menu.svelte'
import { empty, markAllRead } from './actions.ts'
import { mail } from './mail.svelte.ts'
import { nameOf } from './places.ts'

export interface Asked {
  account: Id
  title: string
  name: string
  parentId: Id | null
  /** The folder itself; none while a new one is named. */
  mailbox: Mailbox | null
}

export const naming: { asked: Asked | null } = $state({ asked: null })
/** The folder whose shares are looked at. */
export const sharing: { mailbox: Mailbox | null; account: Id } = $state({ mailbox: null, account: '' })

export function create(parentId: Id | null, account = mail.own): void {
  naming.asked = { title: m.new_folder(), name: '', parentId, mailbox: null, account }
}

export async function save(asked: Asked): Promise<void> {
  const account = asked.account
  const name = asked.name.trim()
  naming.asked = null
  if (!name) return
  if (asked.mailbox) {
    const id = asked.mailbox.id
    const back = await engine.change({ account, type: 'Mailbox', update: { [id]: { name, parentId: asked.parentId } } })
    toast(m.done_renamed({ name }), () => void engine.change({ account, type: 'Mailbox', update: back }))
  } else {
    const local = `local-${crypto.randomUUID()}`
    await engine.change({ account, type: 'Mailbox', create: { [local]: { name, parentId: asked.parentId } } })
  }
}

async function remove(mailbox: Mailbox, account: Id): Promise<void> {
  go('/mail')
  // Those in it go before it: one that has others in it is not removed.
  const all = mailboxes(account)
  const within = (top: Mailbox): Mailbox[] => all.filter((one) => one.parentId === top.id).flatMap((one) => [...within(one), one])
  await engine.change({ account, type: 'Mailbox', destroy: [...within(mailbox), mailbox].map((one) => one.id) })
  const link = mail.hasHistory(account) ? { label: m.removed_folders(), run: () => go(`${mail.path(account, 'removed')}?show=folders`) } : null
  toast(m.done_folder_deleted({ name: nameOf(mailbox) }), null, { link })
}

export function menuOf(mailbox: Mailbox, account: Id): Item[] {
  const rights = mailbox.myRights ?? {}
  const items: Item[] = [{ label: m.mark_all_read(), icon: 'read', disabled: !mailbox.unreadEmails || !rights.maySetSeen, run: () => void markAllRead(mailbox.id, account) }]
  if (rights.mayCreateChild) items.push({ label: m.new_subfolder(), icon: 'plus', run: () => create(mailbox.id, account) })
  if (rights.mayShare) items.push({ label: m.share_folder(), icon: 'person', run: () => Object.assign(sharing, { mailbox, account }) })
  if (rights.mayRename && !mailbox.role) {
    const asked = { title: m.rename_or_move(), name: mailbox.name, parentId: mailbox.parentId, mailbox, account }
    items.push({ label: m.rename_or_move(), icon: 'drafts', run: () => (naming.asked = asked) })
  }
  if ((mailbox.role === 'trash' || mailbox.role === 'junk') && rights.mayRemoveItems) items.push({ label: m.empty_folder(), icon: 'trash', danger: true, begins: true, disabled: !mailbox.totalEmails, run: () => void empty(mailbox.id, account) })
  if (mail.hasHistory(account)) {
    const folder = `?folder=${encodeURIComponent(mailbox.id)}`
    if (rights.mayRemoveItems !== false) items.push({ label: mailbox.role === 'trash' ? m.removed_open() : m.removed_from_here(), icon: 'undo', begins: true, run: () => go(mail.path(account, 'removed') + (mailbox.role === 'trash' ? '' : folder)) })
    if (account === mail.own && mail.hasRescue) items.push({ label: m.past_of_folder(), icon: 'clock', run: () => go(`/mail/past${folder}`) })
  }
  if (rights.mayDelete && !mailbox.role) items.push({ label: m.delete_folder(), icon: 'trash', danger: true, begins: true, run: () => void remove(mailbox, account) })
  return items
}
