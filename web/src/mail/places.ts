// Mailboxes as people know them: names and pictures of roles, the tree in its order.
import type { Mailbox } from '../jmap/types.ts'
import { m } from '../paraglide/messages.js'
import type { IconName } from '../ui/icons.ts'

interface Role {
  icon: IconName
  label: () => string
}

/** In the order in which they stand. */
export const ROLES: Record<string, Role> = {
  inbox: { icon: 'inbox', label: () => m.role_inbox() },
  drafts: { icon: 'drafts', label: () => m.role_drafts() },
  sent: { icon: 'sent', label: () => m.role_sent() },
  archive: { icon: 'archive', label: () => m.role_archive() },
  junk: { icon: 'junk', label: () => m.role_junk() },
  trash: { icon: 'trash', label: () => m.role_trash() },
}

const order = Object.keys(ROLES)

export const nameOf = (mailbox: Mailbox): string => (mailbox.role ? ROLES[mailbox.role]?.label() : undefined) ?? mailbox.name
export const iconOf = (mailbox: Mailbox): IconName => (mailbox.role ? ROLES[mailbox.role]?.icon : undefined) ?? 'folder'

export interface Branch {
  mailbox: Mailbox
  depth: number
  hasChildren: boolean
}

const rank = (mailbox: Mailbox) => (mailbox.role && order.includes(mailbox.role) ? order.indexOf(mailbox.role) : order.length)

function compared(a: Mailbox, b: Mailbox): number {
  return rank(a) - rank(b) || a.sortOrder - b.sortOrder || a.name.localeCompare(b.name)
}

/** The tree, flat: parents before their children; what is folded away is left out. */
export function tree(mailboxes: Mailbox[], folded: ReadonlySet<string> = new Set()): Branch[] {
  const there = new Set(mailboxes.map((mailbox) => mailbox.id))
  const below = Map.groupBy(mailboxes, (mailbox) => (mailbox.parentId && there.has(mailbox.parentId) ? mailbox.parentId : ''))
  const walk = (parent: string, depth: number): Branch[] =>
    (below.get(parent) ?? []).sort(compared).flatMap((mailbox) => {
      const hasChildren = below.has(mailbox.id)
      const inner = folded.has(mailbox.id) ? [] : walk(mailbox.id, depth + 1)
      return [{ mailbox, depth, hasChildren }, ...inner]
    })
  return walk('', 0)
}

/** The way from the root, for menus and search. */
export function pathOf(mailbox: Mailbox, mailboxes: Mailbox[]): string {
  const parent = mailboxes.find((one) => one.id === mailbox.parentId)
  return (parent ? `${pathOf(parent, mailboxes)} / ` : '') + nameOf(mailbox)
}

/** The number that a mailbox shows: what waits to be read, or drafts that wait to be finished. */
export const badge = (mailbox: Mailbox): number =>
  mailbox.role === 'drafts' ? mailbox.totalEmails : mailbox.role === 'trash' || mailbox.role === 'sent' || mailbox.role === 'junk' ? 0 : mailbox.unreadEmails
