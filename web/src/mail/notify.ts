// Notes of the desktop for mail that arrives while nobody looks, from a page; where the browser has push, its service
// worker tells.
import { fetch } from '../data/objects.svelte.ts'
import { nameOf } from '../data/format.ts'
import { go } from '../data/router.svelte.ts'
import type { Email, Id } from '../jmap/types.ts'
import { mail } from './mail.svelte.ts'

export async function notify(account: Id, ids: Id[]): Promise<void> {
  if (document.visibilityState === 'visible' || Notification.permission !== 'granted') return
  const { pushed } = await import('../data/push.ts')
  if (await pushed()) return
  const inbox = mail.ownRole('inbox')?.id ?? ''
  const emails = (await fetch(account, 'Email', ids.slice(-3), ['from', 'subject', 'mailboxIds', 'keywords'])) as Email[]
  for (const email of emails.filter((one) => one.mailboxIds[inbox] && !one.keywords['$seen'])) {
    const note = new Notification(nameOf(email.from?.[0]), { body: email.subject ?? '', tag: email.id, icon: '/icon-192.png' })
    note.onclick = () => {
      focus()
      go(`/mail/${inbox}/${email.id}`)
    }
  }
}
