// What one does with folders.
import { engine } from '../data/client.svelte.ts'
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
  await engine.change({ account, type: 'Mailbox', destroy: [mailbox.id] })
  toast(m.done_folder_deleted({ name: nameOf(mailbox) }))
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
  if (rights.mayDelete && !mailbox.role) items.push({ label: m.delete_folder(), icon: 'trash', danger: true, begins: true, run: () => void remove(mailbox, account) })
  return items
}
