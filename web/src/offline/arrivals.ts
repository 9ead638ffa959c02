// What arrives by Web Push (RFC 8620 section 7.2): the code that proves the address, and that there is new mail. A
// push says nothing of the mail itself: it is asked for, with the session of this browser.
import { keepSetting, setting } from '../engine/settings.ts'
import { JmapClient } from '../jmap/client.ts'
import type { Email, Id, StateChange } from '../jmap/types.ts'

interface Verification {
  '@type': 'PushVerification'
  pushSubscriptionId: Id
  verificationCode: string
}

type Registration = Pick<ServiceWorkerRegistration, 'showNotification' | 'getNotifications'>

/** Messages that one push tells of at most, and how long ago they may have arrived. */
const SHOWN = 3
const RECENT_MS = 15 * 60_000
/** Under which the ids of messages lie that were told of: nobody is told twice. */
const TOLD = 'told'
const TOLD_KEPT = 50

const WORDS = {
  en: { mail: 'New mail', hint: 'Open Beffroi to read it.', noSubject: '(no subject)' },
  fr: { mail: 'Nouveau message', hint: 'Ouvrez Beffroi pour le lire.', noSubject: '(sans objet)' },
}

export async function tell(
  message: Verification | StateChange,
  registration: Registration,
  language: string,
  client = new JmapClient(),
): Promise<void> {
  if (message['@type'] === 'PushVerification') {
    await client.connect()
    const update = { [message.pushSubscriptionId]: { verificationCode: message.verificationCode } }
    await client.call('PushSubscription/set', { update })
    return
  }
  try {
    await client.connect()
    const words = WORDS[client.login?.language === 'fr' ? 'fr' : 'en']
    const told = (await setting<Id[]>(TOLD)) ?? []
    for (const account of Object.keys(message.changed)) {
      const all = await arrived(client, account)
      for (const { email, inbox } of all.filter((one) => !told.includes(one.email.id))) {
        told.push(email.id)
        const from = email.from?.[0]
        await registration.showNotification(from?.name || from?.email || words.mail, {
          body: email.subject || words.noSubject,
          tag: email.id,
          icon: '/icon-192.png',
          timestamp: Date.parse(email.receivedAt),
          data: `/mail/${inbox}/${email.id}`,
        } as NotificationOptions)
      }
    }
    await keepSetting(TOLD, told.slice(-TOLD_KEPT))
  } catch {
    // Logged out, or without a network: that something came is all that can be said.
  }
  // Browsers want to see something for every push.
  if ((await registration.getNotifications()).length) return
  const words = WORDS[language.startsWith('fr') ? 'fr' : 'en']
  await registration.showNotification(words.mail, { body: words.hint, tag: 'mail', icon: '/icon-192.png' })
}

async function arrived(client: JmapClient, accountId: Id): Promise<{ email: Email; inbox: Id }[]> {
  const [boxes] = await client.request([['Mailbox/query', { accountId, filter: { role: 'inbox' } }, '0']])
  const inbox = (boxes?.[1]['ids'] as Id[] | undefined)?.[0]
  if (!inbox) return []
  const after = `${new Date(Date.now() - RECENT_MS).toISOString().slice(0, 19)}Z`
  const filter = { inMailbox: inbox, notKeyword: '$seen', after }
  const [, got] = await client.request([
    ['Email/query', { accountId, filter, sort: [{ property: 'receivedAt', isAscending: false }], limit: SHOWN }, '0'],
    ['Email/get', { accountId, '#ids': { resultOf: '0', name: 'Email/query', path: '/ids' }, properties: ['from', 'subject', 'receivedAt'] }, '1'],
  ])
  return ((got?.[1]['list'] as Email[] | undefined) ?? []).map((email) => ({ email, inbox }))
}
