// Messages that are being written: their state, their drafts, and how they leave.
import { engine, status } from '../../data/client.svelte.ts'
import { fetch, identities, named } from '../../data/objects.svelte.ts'
import { full, people } from '../../data/format.ts'
import { preferences } from '../../data/preferences.svelte.ts'
import { toast } from '../../data/toasts.svelte.ts'
import type { Sending } from '../../engine/protocol.ts'
import type { Email, EmailAddress, Id, Identity, Patch } from '../../jmap/types.ts'
import { m } from '../../paraglide/messages.js'
import { mail } from '../mail.svelte.ts'
import { DETAILS } from '../read/details.ts'
import { escaped, ofText } from '../read/html.ts'
import { joined, QUOTE_CLASS, split, textOf } from './text.ts'

export interface Attachment {
  local: string
  blobId: Id
  name: string
  type: string
  size: number
  sent: number
}

export interface Composer {
  key: string
  to: EmailAddress[]
  cc: EmailAddress[]
  bcc: EmailAddress[]
  subject: string
  html: string
  /** The original, kept as it came. */
  quoted: string
  identity: Id
  attachments: Attachment[]
  inReplyTo: string[] | null
  references: string[] | null
  /** What it answers or forwards, and the keyword that this leaves. */
  answered: { account: Id; id: Id; keyword: string } | null
  /** Written in somebody's name, with the own one as the sender beside it. */
  isOnBehalf: boolean
  draft: Id | null
  isSmall: boolean
  hasCopies: boolean
  isDirty: boolean
  wantsReceipt: boolean
}

export const composers: Composer[] = $state([])
export type Mode = 'reply' | 'replyAll' | 'forward' | 'attach' | 'again'

const fresh = () => `local-${crypto.randomUUID()}`
const mine = (): Identity[] => identities(mail.own)
const writer = (one: Composer) => mine().find((own) => own.id === one.identity) ?? mine()[0]

function blank(): Composer {
  return {
    key: fresh(), to: [], cc: [], bcc: [], subject: '', html: '', quoted: '', identity: mine()[0]?.id ?? '', attachments: [], inReplyTo: null, references: null,
    answered: null, draft: null, isSmall: false, hasCopies: false, isDirty: false, wantsReceipt: false, isOnBehalf: false,
  }
}

function signature(identity: Identity | undefined): string {
  const text = identity?.htmlSignature || (identity?.textSignature ? escaped(identity.textSignature).replaceAll('\n', '<br>') : '')
  return text ? `<div><br></div><div class="beffroi-signature">-- <br>${text}</div>` : ''
}

export function compose(more: Partial<Composer> = {}): void {
  const made = { ...blank(), ...more }
  if (!more.html) made.html = `<div><br></div>${signature(mine().find((one) => one.id === made.identity))}`
  made.hasCopies = made.cc.length > 0 || made.bcc.length > 0
  composers.push(made)
}

const prefixed = (prefix: string, subject: string) => (new RegExp(`^${prefix}\\s*:`, 'i').test(subject) ? subject : `${prefix}: ${subject}`)

async function whole(id: Id): Promise<Email | undefined> {
  const [email] = (await fetch(mail.account, 'Email', [id], DETAILS)) as Email[]
  return email
}

function original(email: Email): string {
  const parts = email.htmlBody?.length ? email.htmlBody : (email.textBody ?? [])
  return parts.map((part) => (part.type === 'text/html' ? (email.bodyValues?.[part.partId ?? '']?.value ?? '') : ofText(email.bodyValues?.[part.partId ?? '']?.value ?? ''))).join('<br>')
}

/** Attachments of a message of somebody else are copied first: what is sent comes from the own account. */
async function copied(account: Id, list: Attachment[]): Promise<Attachment[]> {
  if (account === mail.own || list.length === 0) return list
  const answer = await engine.call('Blob/copy', { fromAccountId: account, accountId: mail.own, blobIds: list.map((file) => file.blobId) })
  const ids = (answer['copied'] ?? {}) as Record<Id, Id>
  return list.flatMap((file) => { const id = ids[file.blobId]; return id ? [{ ...file, blobId: id, local: id }] : [] })
}

const files = (email: Email): Attachment[] =>
  (email.attachments ?? []).map((part) => ({ local: part.blobId ?? '', blobId: part.blobId ?? '', name: part.name ?? 'file', type: part.type, size: part.size, sent: part.size }))

export async function answer(mode: Mode, id: Id | null): Promise<void> {
  const account = mail.account
  const email = id ? await whole(id).catch(() => undefined) : undefined
  if (!email) return
  const subject = email.subject ?? ''
  const own = new Set(mine().map((identity) => identity.email.toLowerCase()))
  const others = (list: EmailAddress[] | null | undefined) => (list ?? []).filter((one) => !own.has(one.email.toLowerCase()))
  const identity = mine().find((one) => [...(email.to ?? []), ...(email.cc ?? [])].some((address) => address.email.toLowerCase() === one.email.toLowerCase())) ?? mine()[0]
  const base = { identity: identity?.id ?? '' }
  if (mode === 'again') return compose({ ...base, to: email.to ?? [], cc: email.cc ?? [], subject, html: original(email), attachments: await copied(account, files(email)) })
  if (mode === 'attach') {
    const file = { local: email.blobId, blobId: email.blobId, name: `${subject || 'message'}.eml`, type: 'message/rfc822', size: email.size, sent: email.size }
    return compose({ ...base, subject: prefixed('Fwd', subject), attachments: await copied(account, [file]), answered: { account, id: email.id, keyword: '$forwarded' } })
  }
  const head = { name: people(email.from), date: full(email.receivedAt) }
  if (mode === 'forward') {
    const lines = [`${m.from()}: ${people(email.from)}`, `${m.date()}: ${head.date}`, `${m.to()}: ${people(email.to)}`, `${m.subject()}: ${subject}`]
    const quoted = `<p>${lines.map(escaped).join('<br>')}</p>${original(email)}`
    return compose({ ...base, subject: prefixed('Fwd', subject), quoted, attachments: await copied(account, files(email)), answered: { account, id: email.id, keyword: '$forwarded' } })
  }
  const isMine = others(email.from).length === 0
  const to = isMine ? (email.to ?? []) : email.replyTo?.length ? email.replyTo : (email.from ?? [])
  const known = new Set(to.map((one) => one.email.toLowerCase()))
  const rest = mode === 'replyAll' ? others([...(isMine ? [] : (email.to ?? [])), ...(email.cc ?? [])]).filter((one) => !known.has(one.email.toLowerCase())) : []
  compose({
    ...base, to, cc: rest, subject: prefixed('Re', subject), quoted: `<p>${escaped(m.wrote(head))}</p><blockquote type="cite">${original(email)}</blockquote>`,
    inReplyTo: email.messageId ?? null, references: [...(email.references ?? email.inReplyTo ?? []), ...(email.messageId ?? [])], answered: { account, id: email.id, keyword: '$answered' },
  })
}

/** Takes a draft up again. */
export async function resume(id: Id): Promise<void> {
  const there = composers.find((one) => named(one.draft ?? '') === id)
  if (there) return void (there.isSmall = false)
  const email = await whole(id).catch(() => undefined)
  if (!email) return
  const { html, quoted } = split(original(email))
  const identity = mine().find((one) => one.email === email.from?.[0]?.email) ?? mine()[0]
  compose({
    to: email.to ?? [], cc: email.cc ?? [], bcc: email.bcc ?? [], subject: email.subject ?? '', html: html || '<div><br></div>', quoted, identity: identity?.id ?? '', attachments: files(email),
    inReplyTo: email.inReplyTo ?? null, references: email.references ?? null, draft: id, isOnBehalf: (email.sender ?? []).length > 0,
  })
}

/** Whether an address is somebody else's, who lets this person write in its name. */
export const isDelegated = (identity: Identity | undefined): boolean =>
  identity !== undefined && !(status.login?.addresses ?? []).some((own) => own.toLowerCase() === identity.email.toLowerCase())

const domain = (identity: Identity | undefined) => identity?.email.split('@')[1] ?? 'localhost'

function email(one: Composer, messageId: string): Record<string, unknown> {
  const identity = writer(one)
  const drafts = mail.ownRole('drafts')?.id ?? ''
  const list = (addresses: EmailAddress[]) => (addresses.length ? $state.snapshot(addresses) : null)
  const html = joined(one.html, one.quoted)
  return {
    mailboxIds: { [drafts]: true }, keywords: { $draft: true, $seen: true }, from: [{ name: identity?.name ?? '', email: identity?.email ?? '' }],
    ...(one.isOnBehalf && isDelegated(identity) ? { sender: [{ name: status.login?.name ?? '', email: status.login?.login ?? '' }] } : {}),
    to: list(one.to), cc: list(one.cc), bcc: list(one.bcc), subject: one.subject, messageId: [messageId],
    ...(one.inReplyTo ? { inReplyTo: one.inReplyTo } : {}), ...(one.references?.length ? { references: one.references } : {}),
    ...(one.wantsReceipt ? { 'header:Disposition-Notification-To:asAddresses': [{ name: identity?.name ?? '', email: identity?.email ?? '' }] } : {}),
    textBody: [{ partId: 'text', type: 'text/plain' }], htmlBody: [{ partId: 'html', type: 'text/html' }],
    bodyValues: { text: { value: textOf(html) }, html: { value: html } },
    attachments: one.attachments.map((file) => ({ blobId: file.blobId, type: file.type, name: file.name, disposition: 'attachment' })),
    preview: textOf(one.html).slice(0, 200).trim(), receivedAt: new Date().toISOString().replace(/\.\d+/, ''), hasAttachment: one.attachments.length > 0,
  }
}

/** Only what a server takes: what is shown of a draft before the server knows it stays here. */
function wire(object: Record<string, unknown>): Record<string, unknown> {
  const { preview, receivedAt, hasAttachment, ...rest } = object
  void preview
  void hasAttachment
  return { ...rest, receivedAt }
}

/** The folders and identities, without which nothing can be kept or sent: at once when they are here already. */
async function equipped(): Promise<void> {
  await Promise.all([fetch(mail.own, 'Mailbox', null), fetch(mail.own, 'Identity', null)])
}

export async function saveDraft(one: Composer): Promise<void> {
  await equipped()
  if (!one.isDirty || !mail.ownRole('drafts')) return
  one.isDirty = false
  const identity = writer(one)
  const local = fresh()
  const before = one.draft
  one.draft = local
  const made = wire(email($state.snapshot(one) as Composer, `${crypto.randomUUID()}@${domain(identity)}`))
  await engine.change({ account: mail.own, type: 'Email', create: { [local]: made }, ...(before ? { destroy: [named(before)] } : {}), label: 'draft' })
}

export function close(one: Composer): void {
  const at = composers.indexOf(one)
  if (at >= 0) composers.splice(at, 1)
}

export async function discard(one: Composer): Promise<void> {
  const kept = $state.snapshot(one) as Composer
  close(one)
  if (one.draft) await engine.change({ account: mail.own, type: 'Email', destroy: [named(one.draft)] })
  toast(m.draft_discarded(), () => composers.push({ ...kept, draft: null, isDirty: true }))
}

export const recipients = (one: Composer) => [...one.to, ...one.cc, ...one.bcc]

export async function send(one: Composer, delayMs = preferences.undoSeconds * 1000, isLater = false): Promise<void> {
  await equipped()
  const identity = writer(one)
  const messageId = `${crypto.randomUUID()}@${domain(identity)}`
  const kept = $state.snapshot(one) as Composer
  const local = fresh()
  const patch: Patch | null = one.answered ? { [`keywords/${one.answered.keyword}`]: true } : null
  close(one)
  const sending: Sending = {
    account: mail.own, local, email: wire(email(kept, messageId)), draft: kept.draft ? named(kept.draft) : null, identity: identity?.id ?? '', messageId, delay: delayMs,
    envelope: { mailFrom: { email: identity?.email ?? '', parameters: null }, rcptTo: recipients(kept).map(({ email }) => ({ email })) },
    sent: mail.ownRole('sent')?.id ?? null, drafts: mail.ownRole('drafts')?.id ?? null, ...(patch && kept.answered?.account === mail.own ? { also: { [kept.answered.id]: patch } } : {}),
  }
  await engine.send(sending)
  if (patch && kept.answered && kept.answered.account !== mail.own) await engine.change({ account: kept.answered.account, type: 'Email', update: { [kept.answered.id]: patch } })
  const text = isLater ? m.will_be_sent() : status.online ? m.sent() : m.sent_when_back()
  toast(text, () => void takeBack(sending, kept), { ms: Math.max(5_000, Math.min(delayMs, 30_000)) })
}

async function takeBack(sending: Sending, kept: Composer): Promise<void> {
  const { local, sent, drafts } = sending
  if (!(await engine.unsend({ local, sent, drafts }).catch(() => false))) return void toast(m.too_late(), null, { isBad: true })
  // What the server had taken already is a draft there now; else the earlier draft still is.
  const made = `${local}-email`
  composers.push({ ...kept, draft: named(made) === made ? kept.draft : made, isDirty: true })
}

/** Takes files in: they are handed over at once, or kept until the server is there. */
export async function attach(one: Composer, list: Iterable<File>): Promise<void> {
  for (const file of list) {
    const local = fresh()
    one.attachments.push({ local, blobId: local, name: file.name || 'image.png', type: file.type || 'application/octet-stream', size: file.size, sent: 0 })
    one.isDirty = true
    engine.attach(local, mail.own, file, file.name).catch(() => {
      one.attachments = one.attachments.filter((other) => other.local !== local)
      toast(m.failed_attach({ name: file.name }), null, { isBad: true })
    })
  }
}

export { QUOTE_CLASS }
