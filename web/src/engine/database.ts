// What is kept in the browser: objects as the server last told them, lists, the log of changes that wait, blobs that wait.
import { openDB, deleteDB, type DBSchema, type IDBPDatabase } from 'idb'
import type { Id, Invocation, JmapObject, Session } from '../jmap/types.ts'
import type { Login } from '../jmap/client.ts'

/** A change that the server has not confirmed yet. */
export interface Entry {
  seq?: number
  account: Id
  /** What is sent; ids of things made here begin with `local-`. */
  calls: Invocation[]
  /** Not to be sent before, in milliseconds. */
  notBefore?: number
  /** It was sent, and nobody knows whether the answer was lost. */
  tried?: boolean
  /** What to tell people about it: shown while it waits. */
  label?: string
  /** The Message-ID of what it sends, to see whether a lost answer meant success. */
  messageId?: string
}

export interface StoredQuery {
  key: string
  ids: Id[]
  total: number
  state: string
}

interface Tables extends DBSchema {
  objects: { key: [Id, string, Id]; value: { account: Id; type: string; id: Id; object: JmapObject } }
  states: { key: [Id, string]; value: { account: Id; type: string; state: string } }
  queries: { key: string; value: StoredQuery }
  log: { key: number; value: Entry }
  ids: { key: string; value: { local: string; id: Id } }
  blobs: { key: string; value: { local: string; blob: Blob; name: string } }
  facts: { key: string; value: { name: string; value: unknown } }
}

export type Database = IDBPDatabase<Tables>
export interface Facts {
  session: Session
  login: Login
}

const VERSION = 1
const name = (account: string) => `beffroi-${account}`

export function open(account: string): Promise<Database> {
  return openDB<Tables>(name(account), VERSION, {
    upgrade(database) {
      database.createObjectStore('objects', { keyPath: ['account', 'type', 'id'] })
      database.createObjectStore('states', { keyPath: ['account', 'type'] })
      database.createObjectStore('queries', { keyPath: 'key' })
      database.createObjectStore('log', { keyPath: 'seq', autoIncrement: true })
      database.createObjectStore('ids', { keyPath: 'local' })
      database.createObjectStore('blobs', { keyPath: 'local' })
      database.createObjectStore('facts', { keyPath: 'name' })
    },
  })
}

export const forget = (account: string) => deleteDB(name(account))
