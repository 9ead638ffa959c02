// Objects that the page shows, kept fresh by the engine.
import { SvelteMap } from 'svelte/reactivity'
import type { Email, Id, Identity, JmapObject, Mailbox, Quota } from '../jmap/types.ts'
import { engine, on, status } from './client.svelte.ts'

const key = (account: Id, type: string, id: Id) => `${account} ${type} ${id}`
const objects = new SvelteMap<string, JmapObject>()
const names = new SvelteMap<string, Id>()

on('objects', ({ account, type, objects: changed }) => {
  for (const [id, object] of Object.entries(changed)) {
    if (object) objects.set(key(account, type, id), object)
    else objects.delete(key(account, type, id))
  }
})
on('named', ({ local, id }) => names.set(local, id))
on('status', ({ phase }) => {
  if (phase === 'loggedOut') objects.clear()
})

export function object<T extends JmapObject>(account: Id, type: string, id: Id): T | undefined {
  return objects.get(key(account, type, names.get(id) ?? id)) as T | undefined
}

/** The id that the server gave to what was made here. */
export const named = (id: Id): Id => names.get(id) ?? id

export function every<T extends JmapObject>(account: Id, type: string): T[] {
  const begin = `${account} ${type} `
  const found: T[] = []
  for (const [at, object] of objects) if (at.startsWith(begin)) found.push(object as T)
  return found
}

export async function fetch(account: Id, type: string, ids: Id[] | null, properties: string[] | null = null): Promise<JmapObject[]> {
  const list = await engine.get(account, type, ids, properties)
  for (const object of list) objects.set(key(account, type, object.id), object)
  return list
}

export const email = (account: Id, id: Id) => object<Email>(account, 'Email', id)
export const mailboxes = (account: Id) => every<Mailbox>(account, 'Mailbox')
/** The name under which one logs in first: it is the one to write under until another is chosen. */
export function identities(account: Id): Identity[] {
  const first = (identity: Identity) => (identity.email === status.login?.login ? 0 : 1)
  return every<Identity>(account, 'Identity').sort((a, b) => first(a) - first(b) || a.email.localeCompare(b.email))
}
export const quotas = (account: Id) => every<Quota>(account, 'Quota')
