// Sending a message (RFC 8621, section 7): create it, submit it, and let it move to "sent" when it is taken.
import { result, type JmapClient } from '../jmap/client.ts'
import { SUBMISSION, type Id, type Invocation, type Session } from '../jmap/types.ts'
import type { Entry } from './database.ts'
import type { Sending } from './protocol.ts'

/** Seconds that the server holds mail at most; 0 when it holds none. */
export function longestHold(session: Session | null, account: Id): number {
  return Number(session?.accounts[account]?.accountCapabilities[SUBMISSION]?.['maxDelayedSend'] ?? 0)
}

export function sendingEntry(sending: Sending, session: Session | null, now: number): Entry {
  const { account, local, email, draft, identity, envelope, sent, drafts, messageId, delay } = sending
  const seconds = Math.ceil(delay / 1_000)
  const held = seconds > 0 && longestHold(session, account) >= seconds
  const made = `${local}-email`
  const mailFrom = held
    ? { ...envelope.mailFrom, parameters: { ...envelope.mailFrom.parameters, HOLDFOR: String(seconds) } }
    : envelope.mailFrom
  const placed: Record<string, unknown> = { 'keywords/$draft': null, 'keywords/$seen': true }
  if (sent) placed[`mailboxIds/${sent}`] = true
  if (sent && drafts) placed[`mailboxIds/${drafts}`] = null
  const calls: Invocation[] = [
    ['Email/set', { accountId: account, create: { [made]: email }, ...(draft ? { destroy: [draft] } : {}), ...(sending.also ? { update: sending.also } : {}) }, 'e'],
    [
      'EmailSubmission/set',
      {
        accountId: account,
        create: { [local]: { emailId: made, identityId: identity, envelope: { ...envelope, mailFrom } } },
        onSuccessUpdateEmail: { [`#${local}`]: placed },
      },
      's',
    ],
  ]
  return { account, calls, label: 'send', messageId, ...(delay > 0 && !held ? { notBefore: now + delay } : {}) }
}

/** Asks the server to keep what it holds back, and makes its message a draft again. */
export async function takingBack(client: JmapClient, session: Session | null, id: Id, sending: Pick<Sending, 'sent' | 'drafts'>): Promise<boolean> {
  const account = session?.primaryAccounts[SUBMISSION]
  const draft: Record<string, unknown> = { 'keywords/$draft': true }
  if (sending.drafts) draft[`mailboxIds/${sending.drafts}`] = true
  if (sending.sent && sending.drafts) draft[`mailboxIds/${sending.sent}`] = null
  const args = { accountId: account, update: { [id]: { undoStatus: 'canceled' } }, onSuccessUpdateEmail: { [id]: draft } }
  const answer = await client.request([['EmailSubmission/set', args, '0']])
  const updated = result(answer[0])['updated'] as Record<Id, unknown> | null
  return updated !== null && id in updated
}
