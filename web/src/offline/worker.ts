// The service worker: opens the client without a network, and tells of mail while no page is open.
import { tell } from './arrivals.ts'

declare const self: ServiceWorkerGlobalScope
/** What was built, and a name for it; written in by the build. */
declare const FILES: string[]
declare const NAME: string

const LIVE = /^\/(auth|jmap|\.well-known|health|metrics)(\/|$)/

async function install(): Promise<void> {
  await (await caches.open(NAME)).addAll(FILES)
  await self.skipWaiting()
}

async function tidy(): Promise<void> {
  const old = (await caches.keys()).filter((name) => name !== NAME)
  await Promise.all(old.map((name) => caches.delete(name)))
  await self.clients.claim()
}

const kept = (path: string | Request) => caches.match(path, { cacheName: NAME, ignoreVary: true })

/** What is built never changes under its name: the cache first. Pages: the server first. */
async function answer(request: Request, url: URL): Promise<Response> {
  if (url.pathname.startsWith('/assets/')) return (await kept(request)) ?? fetch(request)
  const path = request.mode === 'navigate' && !FILES.includes(url.pathname) ? '/' : url.pathname
  try {
    return await fetch(request)
  } catch {
    return (await kept(path)) ?? Response.error()
  }
}

async function open(path: string): Promise<void> {
  const pages = await self.clients.matchAll({ type: 'window' })
  const page = pages[0]
  if (!page) return void (await self.clients.openWindow(path))
  await page.focus()
  await page.navigate(path)
}

self.addEventListener('install', (event) => event.waitUntil(install()))
self.addEventListener('activate', (event) => event.waitUntil(tidy()))
self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url)
  if (event.request.method !== 'GET' || url.origin !== location.origin || LIVE.test(url.pathname)) return
  event.respondWith(answer(event.request, url))
})
self.addEventListener('push', (event) => event.waitUntil(tell(event.data?.json(), self.registration, self.navigator.language)))
self.addEventListener('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(open((event.notification.data as string | undefined) ?? '/mail'))
})
