// What one lets others do with a folder, in the words of people: levels that stand for rights.
import type { MailboxRights } from '../jmap/types.ts'

export type Level = 'read' | 'edit' | 'manage'
export const LEVELS: readonly Level[] = ['read', 'edit', 'manage']
/** Rights that are no level. */
export const CUSTOM = 'custom'

const READ: (keyof MailboxRights)[] = ['mayReadItems', 'maySetSeen']
const EDIT: (keyof MailboxRights)[] = [...READ, 'mayAddItems', 'mayRemoveItems', 'maySetKeywords']
const RIGHTS: Record<Level, (keyof MailboxRights)[]> = {
  read: READ,
  edit: EDIT,
  manage: [...EDIT, 'mayCreateChild', 'mayRename', 'mayDelete', 'mayShare'],
}

/** The rights of a level, beside the one to write in the owner's name. */
export function rightsOf(level: Level, maySubmit: boolean): Partial<MailboxRights> {
  const rights: Partial<MailboxRights> = Object.fromEntries(RIGHTS[level].map((name) => [name, true]))
  return maySubmit ? { ...rights, maySubmit: true } : rights
}

export function levelOf(rights: Partial<MailboxRights> | undefined): Level | typeof CUSTOM {
  const held = new Set(Object.entries(rights ?? {}).filter(([name, on]) => on && name !== 'maySubmit').map(([name]) => name))
  return LEVELS.find((level) => RIGHTS[level].length === held.size && RIGHTS[level].every((name) => held.has(name))) ?? CUSTOM
}
