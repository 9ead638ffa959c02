// What an invitation says (JSCalendar, RFC 8984), as far as it is shown.
export interface Participant {
  name?: string
  calendarAddress?: string
  participationStatus?: string
  roles?: Record<string, boolean>
}

export interface Invited {
  uid?: string
  title?: string
  description?: string
  start?: string
  timeZone?: string | null
  duration?: string
  showWithoutTime?: boolean
  status?: string
  method?: string
  recurrenceRule?: { frequency?: string }
  locations?: Record<string, { name?: string }>
  virtualLocations?: Record<string, { uri?: string }>
  participants?: Record<string, Participant>
  organizerCalendarAddress?: string
}

export const PROPERTIES = [
  'uid', 'title', 'description', 'start', 'timeZone', 'duration', 'showWithoutTime', 'status', 'method', 'recurrenceRule', 'locations',
  'virtualLocations', 'participants', 'organizerCalendarAddress',
]

const DURATION = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/

/** Milliseconds of a duration (RFC 8984 section 1.4.6); 0 when there is none. */
export function milliseconds(duration: string | undefined): number {
  const found = DURATION.exec(duration ?? '')
  if (!found) return 0
  const [weeks, days, hours, minutes, seconds] = found.slice(1).map((digits) => Number(digits ?? 0)) as [number, number, number, number, number]
  return ((((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000
}

/** How far the clocks of a zone are ahead of UTC at a moment, in milliseconds. */
function ahead(moment: number, timeZone: string): number {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone, dateStyle: 'short', timeStyle: 'medium', hourCycle: 'h23' })
  const part = (type: string) => Number(format.formatToParts(moment).find((one) => one.type === type)?.value)
  return Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second')) - Math.floor(moment / 1000) * 1000
}

/** The moment of a local time in a zone; without one, or one that is not known here, in that of the reader. */
export function moment(local: string, timeZone: string | null | undefined): Date {
  if (!timeZone) return new Date(local)
  const asUtc = Date.parse(`${local}Z`)
  try {
    // The clocks may change in between: what holds at the first guess is tried once more.
    const guess = asUtc - ahead(asUtc, timeZone)
    return new Date(asUtc - ahead(guess, timeZone))
  } catch {
    return new Date(local)
  }
}

/** Begin and end of an event; whole days end on their last day. */
export function times(event: Invited): { begin: Date; end: Date } | null {
  if (!event.start) return null
  const length = milliseconds(event.duration)
  const begin = moment(event.start, event.showWithoutTime ? null : event.timeZone)
  if (Number.isNaN(begin.getTime())) return null
  if (!event.showWithoutTime) return { begin, end: new Date(begin.getTime() + length) }
  const end = new Date(begin)
  end.setDate(end.getDate() + Math.max(0, Math.round(length / 86_400_000) - 1))
  return { begin, end }
}

export const addressOf = (uri: string | undefined) => (uri ?? '').replace(/^mailto:/i, '')

/** Who invites. */
export function organizer(event: Invited): string {
  const address = addressOf(event.organizerCalendarAddress)
  const all = Object.values(event.participants ?? {})
  return all.find((one) => addressOf(one.calendarAddress).toLowerCase() === address.toLowerCase())?.name || address
}

/** Who is invited, with what they answered. */
export function guests(event: Invited): Participant[] {
  return Object.values(event.participants ?? {}).filter((one) => !one.roles?.['owner'] || one.participationStatus)
}
