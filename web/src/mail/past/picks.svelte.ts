// What is selected in a list of what was, and the keys that go through it.
import { SvelteSet } from 'svelte/reactivity'
import type { Command } from '../../data/commands.svelte.ts'
import type { Id } from '../../jmap/types.ts'
import { m } from '../../paraglide/messages.js'

interface Listed {
  readonly total: number
  at(index: number): Id | undefined
  indexOf(id: Id): number
  between(from: number, to: number): Id[]
  every(): Promise<Id[]>
}

export class Picks {
  readonly ids = new SvelteSet<Id>()
  /** Everything is meant, also what is not loaded. */
  isAll = $state(false)
  /** The row that keys start from. */
  cursor = $state(0)

  has(id: Id): boolean {
    return this.isAll || this.ids.has(id)
  }

  count(total: number): number {
    return this.isAll ? total : this.ids.size
  }

  clear(): void {
    this.ids.clear()
    this.isAll = false
  }

  toggle(id: Id): void {
    if (this.isAll) this.clear()
    else if (!this.ids.delete(id)) this.ids.add(id)
  }

  /** A click on a row: `open` unless keys say that it is about the selection. */
  click(event: MouseEvent, list: Listed, index: number, open: (id: Id) => void): void {
    const id = list.at(index)
    if (!id) return
    if (event.shiftKey) {
      for (const one of list.between(Math.min(this.cursor, index), Math.max(this.cursor, index) + 1)) this.ids.add(one)
    } else if (event.ctrlKey || event.metaKey) this.toggle(id)
    else open(id)
    this.cursor = index
  }

  async chosen(list: Listed): Promise<Id[]> {
    return this.isAll ? list.every() : [...this.ids]
  }
}

interface Place {
  list: () => Listed | null
  picks: Picks
  open: () => Id | null
  go: (id: Id | null, replace?: boolean) => void
  restore: () => void
}

/** Commands of such a list. */
export function listCommands({ list, picks, open, go, restore }: Place): Command[] {
  const moving = () => m.group_moving()
  const acting = () => m.group_acting()
  const here = () => list()?.at(picks.cursor)
  const walk = (by: number, select = false) => {
    const all = list()
    if (!all || all.total === 0) return
    const to = Math.max(0, Math.min(all.total - 1, picks.cursor + by))
    const [from, there] = [all.at(picks.cursor), all.at(to)]
    if (select && from && there) {
      picks.ids.add(from)
      picks.ids.add(there)
    }
    picks.cursor = to
    if (open() && there && !select) go(there, true)
    requestAnimationFrame(() => document.querySelector<HTMLElement>(`[data-row="${to}"]`)?.focus())
  }
  const back = () => (picks.isAll || picks.ids.size ? picks.clear() : go(null))
  return [
    { id: 'past-next', keys: ['j', 'ArrowDown'], label: () => m.next_message(), group: moving, icon: 'down', run: () => walk(1) },
    { id: 'past-previous', keys: ['k', 'ArrowUp'], label: () => m.previous_message(), group: moving, icon: 'down', run: () => walk(-1) },
    { id: 'past-open', keys: ['Enter', 'o'], label: () => m.open(), group: moving, icon: 'mail', when: () => !!here() && document.activeElement?.getAttribute('role') === 'row', run: () => go(here() ?? null) },
    { id: 'past-back', keys: ['Escape'], label: () => m.back_to_list(), group: moving, icon: 'back', when: () => !!open() || picks.isAll || picks.ids.size > 0, run: back },
    { id: 'past-select', keys: ['x'], label: () => m.select(), group: acting, icon: 'check', when: () => !!here(), run: () => picks.toggle(here() ?? '') },
    { id: 'past-select-down', keys: ['Shift+j', 'Shift+ArrowDown'], label: () => m.select_down(), group: acting, icon: 'check', run: () => walk(1, true) },
    { id: 'past-select-all', keys: ['Ctrl+a'], label: () => m.select_all(), group: acting, icon: 'check', run: () => (picks.isAll = true) },
    { id: 'past-restore', keys: ['r'], label: () => m.restore(), group: acting, icon: 'undo', when: () => picks.isAll || picks.ids.size > 0 || !!open() || !!here(), run: restore },
  ]
}
