// The one table of commands: it feeds shortcuts, menus, the palette and the table of keys.
import { untrack } from 'svelte'
import type { IconName } from '../ui/icons.ts'

export interface Command {
  id: string
  /** As on the keyboard: `c`, `Shift+i`, `Ctrl+k`, `g i`. Several are alternatives. */
  keys: string[]
  label: () => string
  group: () => string
  icon?: IconName
  /** Whether it can be done now. */
  when?: () => boolean
  run: () => void
}

let tables: Command[][] = $state.raw([])

/** Adds a table while a part of the page is there. */
export function provide(commands: Command[]): () => void {
  untrack(() => (tables = [...tables, commands]))
  return () => {
    tables = tables.filter((table) => table !== commands)
  }
}

export const commands = (): Command[] => tables.flat()
export const possible = (command: Command) => command.when?.() ?? true

let pending = ''
let pendingSince = 0
const CHORD_MS = 1_200

function spelled(event: KeyboardEvent): string {
  const letter = event.key.length === 1 ? event.key : event.key
  const isLetter = /^\p{L}$/u.test(letter)
  const parts = []
  if (event.ctrlKey || event.metaKey) parts.push('Ctrl')
  if (event.altKey) parts.push('Alt')
  if (event.shiftKey && (isLetter || letter.length > 1)) parts.push('Shift')
  parts.push(isLetter ? letter.toLowerCase() : letter === ' ' ? 'Space' : letter)
  return parts.join('+')
}

const isWriting = (target: EventTarget | null) =>
  target instanceof HTMLElement && (target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName))

/** Runs what the keys say. Single letters do nothing where people write. */
export function pressed(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing || ['Shift', 'Control', 'Alt', 'Meta'].includes(event.key)) return
  const key = spelled(event)
  const plain = !key.startsWith('Ctrl+') && !key.startsWith('Alt+')
  if (plain && isWriting(event.target)) return
  const chord = Date.now() - pendingSince < CHORD_MS && pending ? `${pending} ${key}` : ''
  pending = ''
  const all = commands()
  const found = all.find((one) => (one.keys.includes(chord) || one.keys.includes(key)) && possible(one))
  if (found) {
    event.preventDefault()
    found.run()
  } else if (all.some((one) => one.keys.some((keys) => keys.startsWith(`${key} `)))) {
    pending = key
    pendingSince = Date.now()
  }
}

const SHOWN: Record<string, string> = { ArrowDown: '↓', ArrowUp: '↑', ArrowLeft: '←', ArrowRight: '→', Enter: '↵', Escape: 'Esc', Delete: 'Del', Space: '␣' }

export const spoken = (keys: string) =>
  keys
    .split(' ')
    .map((key) => key.split('+').map((part) => SHOWN[part] ?? (part.length === 1 ? part.toUpperCase() : part)).join(' '))
    .join(' ')
