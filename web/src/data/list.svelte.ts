// A list of messages as a page scrolls through it: the window that is in sight, out of any number of rows.
import type { QuerySpec, QueryView } from '../engine/protocol.ts'
import type { Id } from '../jmap/types.ts'
import { engine, on } from './client.svelte.ts'

const AROUND = 40
const LEAST = 80

export class LiveList {
  total = $state(0)
  loading = $state(true)
  /** Grows with every change of the order, so that what was computed from it is thrown away. */
  version = $state(0)
  readonly key: string
  #ids: (Id | undefined)[] = $state.raw([])
  #from = 0
  #count = LEAST
  readonly #off: () => void

  constructor(readonly spec: QuerySpec) {
    this.key = JSON.stringify(spec)
    this.#off = on('query', ({ key, view }) => {
      if (key === this.key) this.#take(view)
    })
    void this.#ask()
  }

  at(index: number): Id | undefined {
    return this.#ids[index]
  }

  indexOf(id: Id): number {
    return this.#ids.indexOf(id)
  }

  /** The ids that are loaded from one row to another. */
  between(from: number, to: number): Id[] {
    return this.#ids.slice(from, to).filter((id) => id !== undefined)
  }

  /** What is in sight; asks for what is missing around it. */
  see(first: number, last: number): void {
    const begin = Math.max(0, first - AROUND)
    const isInside = first >= this.#from && last <= this.#from + this.#count
    if (isInside && (begin === this.#from || this.at(first) !== undefined)) return
    this.#from = begin
    this.#count = Math.max(LEAST, last - first + 2 * AROUND)
    void this.#ask()
  }

  close(): void {
    this.#off()
    void engine.unwatch(this.key).catch(() => undefined)
  }

  async #ask(): Promise<void> {
    try {
      this.#take(await engine.watch(this.key, this.spec, this.#from, this.#count))
    } catch {
      this.loading = false
    }
  }

  #take(view: QueryView): void {
    const next = view.total === this.total ? [...this.#ids] : this.#ids.slice(0, view.total)
    next.length = view.total
    for (const [index, id] of view.ids.entries()) {
      if (id !== null || !view.stale) next[view.from + index] = id ?? undefined
    }
    if (view.total !== this.total) this.version++
    this.#ids = next
    this.total = view.total
    if (!view.stale || view.total > 0) this.loading = false
  }
}
