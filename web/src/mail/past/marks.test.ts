import { describe, expect, it } from 'vitest'
import { days, nearest, ticks } from './marks.ts'

const moment = (at: string) => ({ at })
const hours = (day: number, count: number) => Array.from({ length: count }, (_, hour) => moment(new Date(2026, 10, day, hour + 1).toISOString()))
const name = (date: Date) => String(date.getDate())

describe('marks on the line of time', () => {
  it('a04 stand at equal distances, the oldest on the left', () => {
    const marks = ticks([...hours(20, 2), ...hours(21, 3)], 10, name)
    expect(marks.map((mark) => mark.part)).toEqual([0, 0.25, 0.5, 0.75, 1])
    expect(marks.map((mark) => mark.isDay)).toEqual([true, false, true, false, false])
  })

  it('a04 have as many names of days as there is room for', () => {
    const many = Array.from({ length: 30 }, (_, day) => hours(day + 1, 1)).flat()
    const named = (room: number) => ticks(many, room, name).filter((mark) => mark.label)
    expect(named(6).length).toBeLessThanOrEqual(6)
    expect(named(6).length).toBeGreaterThan(3)
    expect(named(0).length).toBeLessThanOrEqual(1)
    const places = named(6).map((mark) => mark.part)
    for (const [index, part] of places.entries()) if (index) expect(part - (places[index - 1] ?? 0)).toBeGreaterThanOrEqual(1 / 6)
  })

  it('one alone stands where the knob is, and none is no trouble', () => {
    expect(ticks(hours(20, 1), 5, name).map((mark) => mark.part)).toEqual([0])
    expect(ticks([], 5, name)).toEqual([])
  })

  it('are listed by day, the newest first', () => {
    const all = [...hours(20, 2), ...hours(21, 1)]
    expect(days(all).map((one) => one.moments.map(({ at }) => new Date(at).getHours()))).toEqual([[1], [2, 1]])
  })

  it('the one before stands for one that was thinned away', () => {
    const all = hours(20, 3)
    expect(nearest(all, new Date(2026, 10, 20, 2, 30).toISOString())).toBe(all[1])
    expect(nearest(all, new Date(2026, 10, 19).toISOString())).toBe(all[0])
    expect(nearest([], '')).toBeUndefined()
  })
})
