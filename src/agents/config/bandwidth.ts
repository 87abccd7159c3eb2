import type { Static } from 'typebox'
import type { Fault } from '../../errors.ts'
import { Type } from '../../resources/type.ts'
import { isTimezone } from './timezone.ts'

/** Far servers cut off what comes at less than 1 KiB a second, and proxies what pauses for long. */
const slowest = 8 * 1024

const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
const closed = { additionalProperties: false } as const

const bytesPerSecond = (description: string) =>
  Type.Integer({ minimum: 0, maximum: 1_000_000_000_000, description: `${description} 0: no limit.` })

const window = Type.Object(
  {
    days: Type.Optional(
      Type.Array(Type.Enum([...days]), {
        minItems: 1,
        uniqueItems: true,
        description: 'On which it begins; every day if absent.',
      }),
    ),
    from: Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$', description: 'When it begins: `08:00`.' }),
    to: Type.String({
      pattern: '^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$',
      description: 'When it has ended: `18:00`. Earlier than `from`: on the next day.',
    }),
    bytesPerSecond: bytesPerSecond('The limit meanwhile.'),
  },
  closed,
)

/** Of a target to which packages are sent, beside its kind and the options of that. */
export const bandwidthSchema = Type.Object(
  {
    bytesPerSecond: Type.Optional(bytesPerSecond('The limit whenever no window of the timetable says another.')),
    timezone: Type.Optional(
      Type.String({ minLength: 1, maxLength: 100, description: 'Of the timetable, by its IANA name; UTC if absent.' }),
    ),
    timetable: Type.Optional(
      Type.Array(window, { maxItems: 100, description: 'The first window in which it is now is the one that counts.' }),
    ),
  },
  { ...closed, description: 'How fast packages are sent to it, in bytes a second; without a limit if absent.' },
)

export type Bandwidth = Static<typeof bandwidthSchema>
type Window = Static<typeof window>

/** What no schema can say, of the `bandwidth` of a target. */
export function bandwidthFaults(bandwidth: Bandwidth = {}): Fault[] {
  const { bytesPerSecond: whole, timezone, timetable = [] } = bandwidth
  const faults: Fault[] = []
  const demandRate = (rate: number | undefined, pointer: string): void => {
    if (rate !== undefined && rate !== 0 && rate < slowest)
      faults.push({ pointer, message: `must be 0, for no limit, or at least ${slowest}: slower senders are cut off` })
  }
  demandRate(whole, '/bandwidth/bytesPerSecond')
  if (timezone !== undefined && !isTimezone(timezone))
    faults.push({
      pointer: '/bandwidth/timezone',
      message: `${JSON.stringify(timezone)} is no time zone known here; use an IANA name such as Europe/Zurich`,
    })
  for (const [i, { from, to, bytesPerSecond: rate }] of timetable.entries()) {
    demandRate(rate, `/bandwidth/timetable/${i}/bytesPerSecond`)
    if (from === to)
      faults.push({
        pointer: `/bandwidth/timetable/${i}/to`,
        message: 'must not be when it begins; the whole day is 00:00 to 24:00',
      })
  }
  return faults
}

/** Bytes a second; undefined where nothing limits them then. */
export function limitAt(bandwidth: Bandwidth | undefined, at: Date): number | undefined {
  if (bandwidth === undefined) return undefined
  const { timetable = [] } = bandwidth
  const now = timetable.length === 0 ? undefined : wallClock(bandwidth, at)
  const { bytesPerSecond: limit = 0 } = (now && timetable.find((one) => holds(one, now))) ?? bandwidth
  return limit === 0 ? undefined : limit
}

interface WallClock {
  /** Monday is 0. */
  readonly day: number
  readonly minute: number
}

/** By what a clock on the wall shows: an hour that comes twice in autumn is twice in its window, one that does not come, never. */
function holds({ days: on, from, to }: Window, { day, minute }: WallClock): boolean {
  const isOn = (which: number): boolean => on === undefined || on.includes(days[(which + 7) % 7] ?? 'mon')
  const [begin, end] = [minuteOf(from), minuteOf(to)]
  if (begin < end) return isOn(day) && minute >= begin && minute < end
  return (isOn(day) && minute >= begin) || (isOn(day - 1) && minute < end)
}

function minuteOf(text: string): number {
  const [hours = 0, minutes = 0] = text.split(':').map(Number)
  return hours * 60 + minutes
}

/** To make one takes far longer than to use it. */
const clocks = new WeakMap<Bandwidth, Intl.DateTimeFormat>()

function wallClock(bandwidth: Bandwidth, at: Date): WallClock {
  let clock = clocks.get(bandwidth)
  if (clock === undefined) {
    clock = new Intl.DateTimeFormat('en', {
      ...{ timeZone: bandwidth.timezone ?? 'UTC', hourCycle: 'h23' },
      ...{ weekday: 'short', hour: '2-digit', minute: '2-digit' },
    })
    clocks.set(bandwidth, clock)
  }
  const shown = Object.fromEntries(clock.formatToParts(at).map(({ type, value }) => [type, value]))
  const day = (days as readonly string[]).indexOf(shown['weekday']?.toLowerCase() ?? '')
  return { day, minute: Number(shown['hour']) * 60 + Number(shown['minute']) }
}
