// The little that a browser keeps whoever is logged in, for its workers, which have no localStorage.
import { openDB } from 'idb'

const database = openDB('beffroi', 1, { upgrade: (made) => void made.createObjectStore('settings') })

export async function setting<T>(name: string): Promise<T | undefined> {
  return (await (await database).get('settings', name)) as T | undefined
}

export async function keepSetting(name: string, value: unknown): Promise<void> {
  await (await database).put('settings', value, name)
}
