// Objects of the directory: asked for page by page, changed while the server is there. They are not kept on the device.
import { engine, status } from '../data/client.svelte.ts'
import { result } from '../jmap/client.ts'
import type { Id, JmapObject, Patch, SetError } from '../jmap/types.ts'
import type { Reference, Room } from './rooms.ts'

export const DIRECTORY = 'https://beffroi.org/jmap/directory'
const PAGE = 100

export const account = (): Id => status.session?.primaryAccounts[DIRECTORY] ?? ''

/** The server said no to one object: to which of its properties, and why. */
export class Refusal extends Error {
  constructor(
    readonly properties: string[],
    detail: string,
  ) {
    super(detail)
  }
}

export interface Wanted {
  text: string
  state: string
}

function filter(room: Room, { text, state }: Wanted): Record<string, string> | null {
  const conditions = { ...(text.trim() ? { text: text.trim() } : {}), ...(room.hasState && state ? { state } : {}) }
  return Object.keys(conditions).length ? conditions : null
}

/** The rows from `position` on, and how many there are. */
export async function page(room: Room, wanted: Wanted, position: number): Promise<{ list: JmapObject[]; total: number }> {
  const properties = ['id', ...room.columns.map((column) => column.name)]
  if (!room.sort) {
    const list = result((await engine.request([[`${room.type}/get`, { accountId: account(), ids: null, properties }, 'g']]))[0])['list'] as JmapObject[]
    return { list, total: list.length }
  }
  const query = { accountId: account(), filter: filter(room, wanted), sort: [{ property: room.sort }], position, limit: PAGE, calculateTotal: true }
  const answers = await engine.request([
    [`${room.type}/query`, query, 'q'],
    [`${room.type}/get`, { accountId: account(), '#ids': { resultOf: 'q', name: `${room.type}/query`, path: '/ids' }, properties }, 'g'],
  ])
  const { ids, total } = result(answers[0]) as { ids: Id[]; total: number }
  const found = new Map((result(answers[1])['list'] as JmapObject[]).map((object) => [object.id, object]))
  return { list: ids.map((id) => found.get(id)).filter((object) => object !== undefined), total }
}

export async function one(room: Room, id: Id): Promise<JmapObject | null> {
  const properties = ['id', ...new Set(room.sections.flatMap((section) => section.fields.map((field) => field.name)))]
  const answer = await engine.call(`${room.type}/get`, { accountId: account(), ids: [id], properties })
  return (answer['list'] as JmapObject[])[0] ?? null
}

async function set(room: Room, args: Record<string, unknown>): Promise<Record<string, unknown>> {
  const answer = await engine.call(`${room.type}/set`, { accountId: account(), ...args })
  for (const name of ['notCreated', 'notUpdated', 'notDestroyed']) {
    const [error] = Object.values((answer[name] ?? {}) as Record<string, SetError & { properties?: string[] }>)
    if (error) throw new Refusal(error.properties ?? [], error.description ?? error.type)
  }
  return answer
}

export async function create(room: Room, object: Patch): Promise<Id> {
  const answer = await set(room, { create: { new: object } })
  return (answer['created'] as Record<string, { id: Id }>)['new']?.id ?? ''
}

export const update = (room: Room, id: Id, patch: Patch) => set(room, { update: { [id]: patch } })
export const destroy = (room: Room, id: Id) => set(room, { destroy: [id] })

export interface Named {
  id: Id
  name: string
}
const known = new Map<Reference, Promise<Named[]>>()

/** All of what others refer to, by name; units with the path from the top. */
export function choices(type: Reference): Promise<Named[]> {
  const there = known.get(type) ?? ask(type)
  known.set(type, there)
  return there
}

/** What others refer to has changed. */
export const forget = (type: string) => known.delete(type as Reference)

async function ask(type: Reference): Promise<Named[]> {
  try {
    const properties = type === 'Unit' ? ['id', 'name', 'parentId'] : ['id', 'name']
    const query = { accountId: account(), sort: [{ property: 'name' }], limit: 1_000 }
    const answers = await engine.request([
      [`${type}/query`, query, 'q'],
      [`${type}/get`, { accountId: account(), '#ids': { resultOf: 'q', name: `${type}/query`, path: '/ids' }, properties }, 'g'],
    ])
    const list = result(answers[1])['list'] as (Named & { parentId?: Id | null })[]
    const path = (object: (typeof list)[number]): string => {
      const above = list.find((other) => other.id === object.parentId)
      return above ? `${path(above)} / ${object.name}` : object.name
    }
    return list.map((object) => ({ id: object.id, name: path(object) })).sort((a, b) => a.name.localeCompare(b.name))
  } catch {
    forget(type)
    return []
  }
}
