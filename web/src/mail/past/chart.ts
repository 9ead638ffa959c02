import { daysAgo, dayMonth, weekday } from '../../data/format.ts'
import { m } from '../../paraglide/messages.js'

/** What is written below the first mark of a day. */
export function chart(date: Date): string {
  const days = daysAgo(date)
  if (days === 0) return m.today()
  if (days === 1) return m.yesterday()
  return days < 7 ? weekday(date) : dayMonth(date)
}
