// Being told of mail while no page is open: this browser's address at its push service, kept with the server (RFC 8620
// section 7.2, RFC 9749). What arrives there is read by the service worker.
import { engine, status } from './client.svelte.ts'
import { prefer, preferences } from './preferences.svelte.ts'

const VAPID = 'urn:ietf:params:jmap:webpush-vapid'
const DAY_MS = 86_400_000
/** A subscription that ends sooner is asked to last longer. */
const RENEWED_DAYS = 3
const WANTED_DAYS = 30

interface Known {
  id: string
  deviceClientId: string
  expires: string | null
}

function device(): string {
  if (!preferences.device) prefer({ device: crypto.randomUUID() })
  return preferences.device
}

async function manager(): Promise<PushManager | null> {
  if (!('serviceWorker' in navigator) || !('PushManager' in globalThis)) return null
  return (await navigator.serviceWorker.ready).pushManager
}

/** What this browser has at its push service; then the service worker tells of mail, and pages need not. */
export const pushed = async () => (await manager())?.getSubscription()

async function ours(): Promise<Known[]> {
  const { list } = await engine.call('PushSubscription/get', { ids: null })
  return (list as Known[]).filter((one) => one.deviceClientId === device())
}

/**
 * Makes the server know this browser, when the person wants to be told and the browser can. Without a push service,
 * pages that are open tell.
 */
export async function keepPush(): Promise<void> {
  const key = status.session?.capabilities[VAPID]?.['applicationServerKey']
  if (!preferences.notifications || Notification.permission !== 'granted' || typeof key !== 'string') return
  try {
    const at = await manager()
    if (!at) return
    const had = await at.getSubscription()
    const [known, ...others] = await ours()
    if (others.length) await engine.call('PushSubscription/set', { destroy: others.map((one) => one.id) })
    if (had && known) await renew(known)
    else {
      const { endpoint, keys } = (had ?? (await at.subscribe({ userVisibleOnly: true, applicationServerKey: key }))).toJSON()
      const made = { deviceClientId: device(), url: endpoint, keys, types: ['EmailDelivery'] }
      await engine.call('PushSubscription/set', { create: { made }, ...(known ? { destroy: [known.id] } : {}) })
    }
  } catch {
    // No network, or a browser without a push service.
  }
}

async function renew(known: Known): Promise<void> {
  const left = known.expires ? Date.parse(known.expires) - Date.now() : Infinity
  if (left > RENEWED_DAYS * DAY_MS) return
  const expires = `${new Date(Date.now() + WANTED_DAYS * DAY_MS).toISOString().slice(0, 19)}Z`
  await engine.call('PushSubscription/set', { update: { [known.id]: { expires } } })
}

export async function endPush(): Promise<void> {
  const had = await pushed()
  await had?.unsubscribe()
  const known = await ours()
  if (known.length) await engine.call('PushSubscription/set', { destroy: known.map((one) => one.id) })
}
