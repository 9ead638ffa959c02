import { expect, test } from 'vitest'
import { guests, milliseconds, moment, organizer, times } from './invitation.ts'

test('durations are read', () => {
  expect(milliseconds('PT1H30M')).toBe(5_400_000)
  expect(milliseconds('P1W2DT3S')).toBe((9 * 86_400 + 3) * 1000)
  expect([milliseconds(undefined), milliseconds('soon')]).toEqual([0, 0])
})

test('a local time is a moment of its zone, also when the clocks change', () => {
  expect(moment('2026-12-01T14:00:00', 'Europe/Paris').toISOString()).toBe('2026-12-01T13:00:00.000Z')
  expect(moment('2026-07-01T14:00:00', 'America/New_York').toISOString()).toBe('2026-07-01T18:00:00.000Z')
  expect(moment('2026-03-29T03:30:00', 'Europe/Paris').toISOString()).toBe('2026-03-29T01:30:00.000Z')
  expect(moment('2026-03-29T01:30:00', 'Europe/Paris').toISOString()).toBe('2026-03-29T00:30:00.000Z')
  expect(moment('2026-12-01T14:00:00', 'Nowhere/Here')).toEqual(new Date('2026-12-01T14:00:00'))
})

test('whole days end on their last day', () => {
  const days = times({ start: '2026-12-01T00:00:00', duration: 'P2D', showWithoutTime: true })
  expect([days?.begin.getDate(), days?.end.getDate()]).toEqual([1, 2])
  expect(times({ start: 'soon' })).toBe(null)
  expect(times({})).toBe(null)
})

test('who invites is told apart from who is invited', () => {
  const event = {
    organizerCalendarAddress: 'mailto:anne@others.example',
    participants: {
      a: { name: 'Anne', calendarAddress: 'mailto:Anne@others.example', roles: { owner: true } },
      b: { calendarAddress: 'mailto:b@c.example', participationStatus: 'accepted' },
    },
  }
  expect(organizer(event)).toBe('Anne')
  expect(guests(event).map((one) => one.calendarAddress)).toEqual(['mailto:b@c.example'])
})
