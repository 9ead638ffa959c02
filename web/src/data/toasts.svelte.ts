// Short notes about what was done, with the way back.
export interface Toast {
  id: number
  text: string
  isBad: boolean
  undo: (() => void) | null
  /** Where it leads. */
  link: { label: string; run: () => void } | null
}

const SHOWN_MS = 10_000
let next = 1
export const toasts: Toast[] = $state([])

export function toast(text: string, undo: (() => void) | null = null, more: { isBad?: boolean; ms?: number; link?: Toast['link'] } = {}): number {
  const id = next++
  toasts.push({ id, text, undo, isBad: more.isBad ?? false, link: more.link ?? null })
  if (toasts.length > 3) toasts.shift()
  setTimeout(() => dismiss(id), more.ms ?? (undo || more.link ? SHOWN_MS : 5_000))
  return id
}

export function dismiss(id: number): void {
  const at = toasts.findIndex((one) => one.id === id)
  if (at >= 0) toasts.splice(at, 1)
}

/** Takes the last thing back that can be. */
export function undoLast(): boolean {
  const last = toasts.findLast((one) => one.undo)
  if (!last) return false
  dismiss(last.id)
  last.undo?.()
  return true
}
