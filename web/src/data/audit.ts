// Who did what: entries of the histories, asked of the server page by page, and their words.
import { m } from '../paraglide/messages.js'
import { nameOf as folderName } from '../mail/places.ts'
import { field } from './csv.ts'
import type { Id, Mailbox } from '../jmap/types.ts'
import { engine, status } from './client.svelte.ts'
import { mailboxes } from './objects.svelte.ts'

export const DIRECTORY = 'https://beffroi.org/jmap/directory'

export interface AuditChange {
  kind: string
  mailboxId: Id | null
  targetId: Id | null
  count: number
  added: string[]
  removed: string[]
  subjectId: Id | null
  text: string
}

export interface AuditEntry {
  id: Id
  at: string
  actorId: Id | null
  actorName: string | null
  door: string
  origin: string | null
  client: string | null
  accountId: Id
  accountName: string | null
  isDirectory: boolean
  changes: AuditChange[]
}

export const DOORS = ['jmap', 'imap', 'pop3', 'smtp', 'lmtp', 'submission', 'sieve', 'admin', 'cli', 'sql', 'system', 'dav', 'sync']
export const KINDS: Record<string, () => string> = {
  put: () => m.audit_put(), flags: () => m.audit_flags(), keywords: () => m.audit_keywords(), content: () => m.audit_content(), move: () => m.audit_move(), remove: () => m.audit_remove(),
  mailbox: () => m.audit_mailbox(), share: () => m.audit_share(), note: () => m.audit_note(),
}

const PAGE = 50
const account = () => status.session?.primaryAccounts[DIRECTORY] ?? ''

/** Entries of a filter from `position` on, the newest first, and how many there are. */
export async function entries(filter: Record<string, unknown>, position = 0, limit = PAGE): Promise<{ list: AuditEntry[]; total: number }> {
  const query = { accountId: account(), filter, position, limit, calculateTotal: true }
  const found = (await engine.call('AuditEntry/query', query)) as unknown as { ids: Id[]; total: number }
  if (found.ids.length === 0) return { list: [], total: found.total }
  const answer = (await engine.call('AuditEntry/get', { accountId: account(), ids: found.ids })) as unknown as { list: AuditEntry[] }
  return { list: answer.list, total: found.total }
}

/** The account behind an address, as others name it: `E5` is the principal of `a5`. */
export async function personOf(address: string): Promise<{ actorId: Id; accountId: Id } | null> {
  const { ids } = (await engine.call('Principal/query', { accountId: account(), filter: { email: address } })) as { ids: Id[] }
  const [id] = ids
  return id ? { actorId: id, accountId: `a${id.slice(1)}` } : null
}

const FLAGS: Record<string, () => string> = {
  '\\Seen': () => m.flag_seen(), '\\Flagged': () => m.flag_starred(), '\\Answered': () => m.flag_answered(), '\\Draft': () => m.flag_draft(), '\\Deleted': () => m.flag_deleted(), $Forwarded: () => m.flag_forwarded(), $Junk: () => m.flag_junk(),
}
const flagName = (flag: string) => FLAGS[flag]?.() ?? flag

function place(of: Id, id: Id | null): string {
  const mailbox: Mailbox | undefined = mailboxes(of).find((one) => one.id === id)
  return mailbox ? folderName(mailbox) : (id ?? '')
}

/** A change in the words of people. */
export function words(entry: AuditEntry, change: AuditChange): string {
  const where = place(entry.accountId, change.mailboxId)
  switch (change.kind) {
    case 'put': return m.did_put({ place: where })
    case 'move': return m.did_move({ count: change.count, from: where, to: place(entry.accountId, change.targetId) })
    case 'remove': return m.did_remove({ count: change.count, place: where })
    case 'share': return change.added.length ? m.did_share({ place: where, rights: change.added.join(', ') }) : m.did_unshare({ place: where })
    case 'flags': return [...change.added.map((flag) => `+ ${flagName(flag)}`), ...change.removed.map((flag) => `− ${flagName(flag)}`)].join(', ') + (change.count > 1 ? ` (${change.count})` : '')
    case 'keywords': return m.did_keywords({ place: where })
    case 'content': return m.did_content({ place: where })
    case 'mailbox': return m.did_mailbox({ name: change.text })
    default: return change.text
  }
}

/** Who did it. */
export function who(entry: AuditEntry): string {
  if (entry.actorName) return entry.actorName
  if (entry.actorId) return m.audit_gone()
  return entry.door === 'cli' ? m.audit_machine() : entry.door === 'sql' ? m.audit_sql() : m.audit_server()
}

const MOST = 5_000

/** Everything that a filter finds, up to some thousands, for a file. */
export async function all(filter: Record<string, unknown>): Promise<AuditEntry[]> {
  const list: AuditEntry[] = []
  for (;;) {
    const page = await entries(filter, list.length, 500)
    list.push(...page.list)
    if (page.list.length === 0 || list.length >= Math.min(page.total, MOST)) return list
  }
}

export function csv(list: AuditEntry[]): string {
  const rows = list.map((entry) => [entry.at, who(entry), entry.door, entry.origin ?? '', entry.isDirectory ? 'directory' : (entry.accountName ?? ''), entry.changes.map((change) => words(entry, change)).join('; ')])
  return [['at', 'who', 'door', 'from', 'account', 'changes'], ...rows].map((row) => row.map(field).join(',')).join('\r\n')
}

export const lines = (list: AuditEntry[]): string => list.map((entry) => JSON.stringify(entry)).join('\n')
