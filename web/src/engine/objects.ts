// Objects as people see them: what the server last told, with the changes that wait laid over it.
import type { Id, JmapObject, Patch } from '../jmap/types.ts'
import type { Database, Entry } from './database.ts'
import { applied } from './patch.ts'

type Key = string
const key = (account: Id, type: string, id: Id): Key => `${account} ${type} ${id}`

/** Objects kept in memory; more of one type are read from the database again. */
const KEPT = 20_000

export class Objects {
  readonly #server = new Map<Key, JmapObject | null>()
  /** Patches of entries that wait, in order. */
  #waiting = new Map<Key, (Patch | null)[]>()
  #made = new Map<Key, JmapObject>()
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** Reads those that are not in memory yet. */
  async load(account: Id, type: string, ids: Id[]): Promise<void> {
    const missing = ids.filter((id) => !this.#server.has(key(account, type, id)))
    if (missing.length === 0) return
    const transaction = this.#database.transaction('objects')
    await Promise.all(
      missing.map(async (id) => {
        const row = await transaction.store.get([account, type, id])
        if (row) this.#server.set(key(account, type, id), row.object)
      }),
    )
  }

  /** Everything of a type, as far as it is cached. */
  async all(account: Id, type: string): Promise<JmapObject[]> {
    const range = IDBKeyRange.bound([account, type], [account, type, []])
    for (const row of await this.#database.getAll('objects', range)) {
      if (!this.#server.has(key(account, type, row.id))) this.#server.set(key(account, type, row.id), row.object)
    }
    const found: JmapObject[] = []
    const begin = `${account} ${type} `
    for (const [at, object] of this.#server) if (object && at.startsWith(begin)) found.push(this.see(account, type, object.id) ?? object)
    for (const [at, object] of this.#made) {
      if (at.startsWith(begin) && !this.#server.has(at)) found.push(this.see(account, type, object.id) ?? object)
    }
    return found.filter((object) => this.see(account, type, object.id) !== null)
  }

  /** With local changes; `null` when it is gone or unknown. */
  see(account: Id, type: string, id: Id): JmapObject | null {
    const at = key(account, type, id)
    let object: JmapObject | null = this.#server.get(at) ?? this.#made.get(at) ?? null
    for (const patch of this.#waiting.get(at) ?? []) object = object && patch ? applied(object, patch) : null
    return object
  }

  has(account: Id, type: string, id: Id, properties: string[]): boolean {
    const object = this.#server.get(key(account, type, id)) ?? this.#made.get(key(account, type, id))
    return !!object && properties.every((property) => property in object)
  }

  /** What the server told: the properties are laid over those known before. */
  async put(account: Id, type: string, objects: JmapObject[]): Promise<void> {
    if (this.#server.size > KEPT) this.#server.clear()
    const transaction = this.#database.transaction('objects', 'readwrite')
    for (const object of objects) {
      const at = key(account, type, object.id)
      const before = this.#server.get(at) ?? (await transaction.store.get([account, type, object.id]))?.object
      const whole = { ...before, ...object }
      this.#server.set(at, whole)
      void transaction.store.put({ account, type, id: object.id, object: whole })
    }
    await transaction.done
  }

  async remove(account: Id, type: string, ids: Id[]): Promise<void> {
    const transaction = this.#database.transaction('objects', 'readwrite')
    for (const id of ids) {
      this.#server.delete(key(account, type, id))
      void transaction.store.delete([account, type, id])
    }
    await transaction.done
  }

  async clear(account: Id, type: string): Promise<void> {
    for (const at of [...this.#server.keys()]) if (at.startsWith(`${account} ${type} `)) this.#server.delete(at)
    await this.#database.delete('objects', IDBKeyRange.bound([account, type], [account, type, []]))
  }

  /** The ids of a type that are cached, in memory or not. */
  async known(account: Id, type: string): Promise<Set<Id>> {
    const range = IDBKeyRange.bound([account, type], [account, type, []])
    const keys = await this.#database.getAllKeys('objects', range)
    return new Set(keys.map((parts) => parts[2]))
  }

  /** Lays the log over the objects anew. */
  overlay(log: Entry[]): void {
    this.#waiting = new Map()
    this.#made = new Map()
    for (const entry of log) {
      for (const [name, args] of entry.calls) this.#overlayCall(entry.account, name, args)
    }
  }

  #overlayCall(account: Id, name: string, args: Record<string, unknown>): void {
    const [type = '', verb] = name.split('/')
    if (verb !== 'set') return
    const add = (id: Id, patch: Patch | null) => {
      const at = key(account, type, id)
      this.#waiting.set(at, [...(this.#waiting.get(at) ?? []), patch])
    }
    for (const [id, made] of Object.entries((args['create'] ?? {}) as Record<Id, object>)) {
      this.#made.set(key(account, type, id), { ...made, id })
    }
    for (const [id, patch] of Object.entries((args['update'] ?? {}) as Record<Id, Patch>)) add(id, patch)
    for (const id of (args['destroy'] ?? []) as Id[]) add(id, null)
  }
}
