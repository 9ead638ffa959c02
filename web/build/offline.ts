// Writes `sw.js`: the service worker that opens the client without a network, with the list of what was built.
import { createHash } from 'node:crypto'
import type { Plugin } from 'vite'

const ALWAYS = ['/', '/reader.html', '/editor.html', '/logo.svg', '/manifest.webmanifest']

export function offline(): Plugin {
  return {
    name: 'offline',
    apply: 'build',
    generateBundle(_, bundle) {
      const files = [...ALWAYS, ...Object.keys(bundle).filter((file) => file.startsWith('assets/')).map((file) => `/${file}`)]
      const name = createHash('sha256').update(files.join()).digest('hex').slice(0, 12)
      this.emitFile({ type: 'asset', fileName: 'sw.js', source: worker(name, files) })
    },
  }
}

const worker = (name: string, files: string[]) => `const NAME = 'beffroi-${name}'
const FILES = ${JSON.stringify(files)}
addEventListener('install', (event) => {
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(FILES)).then(() => skipWaiting()))
})
addEventListener('activate', (event) => {
  event.waitUntil(caches.keys().then((names) => Promise.all(names.filter((name) => name !== NAME).map((name) => caches.delete(name)))).then(() => clients.claim()))
})
addEventListener('fetch', (event) => {
  const url = new URL(event.request.url)
  if (event.request.method !== 'GET' || url.origin !== location.origin || /^\\/(auth|jmap|\\.well-known|health|metrics)(\\/|$)/.test(url.pathname)) return
  const kept = (path) => caches.match(path, { cacheName: NAME, ignoreVary: true })
  if (url.pathname.startsWith('/assets/')) event.respondWith(kept(event.request).then((found) => found ?? fetch(event.request)))
  else {
    const path = event.request.mode === 'navigate' && !FILES.includes(url.pathname) ? '/' : url.pathname
    event.respondWith(fetch(event.request).catch(() => kept(path).then((found) => found ?? Response.error())))
  }
})
addEventListener('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(clients.openWindow('/mail'))
})
`
