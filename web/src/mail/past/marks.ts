// Where marks stand on the line of time, and what is written below them. Knows no page.
export const DAY_MS = 86_400_000

interface Moment {
  at: string
}

export interface Tick {
  index: number
  /** Its place from the left, 0 to 1. */
  part: number
  /** The first of its day. */
  isDay: boolean
  /** What is written there: only where there is room. */
  label: string
}

const dayOf = (at: string) => new Date(at).toDateString()

/**
 * Ticks for moments, the oldest first, at equal distances: hours of today need as much room as months ago. `room` is how
 * many labels fit beside each other.
 */
export function ticks(moments: Moment[], room: number, label: (date: Date) => string): Tick[] {
  const last = Math.max(1, moments.length - 1)
  const out: Tick[] = []
  let free = -Infinity
  const apart = 1 / Math.max(1, room)
  for (const [index, { at }] of moments.entries()) {
    const part = index / last
    const isDay = index === 0 || dayOf(moments[index - 1]?.at ?? '') !== dayOf(at)
    const fits = isDay && part >= free && part <= 1 - apart / 2
    if (fits) free = part + apart
    out.push({ index, part, isDay, label: fits ? label(new Date(at)) : '' })
  }
  return out
}

export interface Day<T> {
  day: string
  moments: T[]
}

/** Moments, the oldest first, by their days, the newest first. */
export function days<T extends Moment>(moments: T[]): Day<T>[] {
  const out: Day<T>[] = []
  for (const moment of [...moments].reverse()) {
    const last = out.at(-1)
    if (last && dayOf(last.moments[0]?.at ?? '') === dayOf(moment.at)) last.moments.push(moment)
    else out.push({ day: moment.at, moments: [moment] })
  }
  return out
}

/** The moment that stands for one that is there no more: the newest before it, else the oldest. */
export function nearest<T extends Moment>(moments: T[], at: string): T | undefined {
  return moments.findLast((moment) => moment.at <= at) ?? moments[0]
}
