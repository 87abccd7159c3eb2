import { computed, signal, type ReadonlySignal } from '@preact/signals'
import { useMemo } from 'preact/hooks'

/** The one clock of the page. */
const now = signal(Date.now())
setInterval(() => {
  if (document.visibilityState === 'visible') now.value = Date.now()
}, 1000)

const units = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
] as const

/** Of a time span, in its largest unit: `3 min`; two units from an hour on. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`
  for (const [i, [unit, length]] of units.entries()) {
    if (seconds < length) continue
    const whole = Math.floor(seconds / length)
    const next = units[i + 1]
    const rest = next && Math.floor((seconds % length) / next[1])
    return rest ? `${whole} ${unit} ${rest} ${next[0]}` : `${whole} ${unit}`
  }
  return `${seconds} s`
}

interface At {
  /** RFC 3339. */
  readonly at: string
}

/** Only the text changes with the clock; nothing else is drawn again. */
function Ticking({ at, tell }: At & { tell: (ms: number) => string }): preact.JSX.Element {
  const text = useMemo(() => computed(() => tell(now.value - Date.parse(at))), [at])
  return <Moment at={at}>{text}</Moment>
}

function Moment({ at, children }: At & { children: string | ReadonlySignal<string> }): preact.JSX.Element {
  return (
    <time dateTime={at} title={new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'long' })}>
      {children}
    </time>
  )
}

/** How long ago. */
export function Ago({ at }: At): preact.JSX.Element {
  return <Ticking at={at} tell={(ms) => (ms < 5000 ? 'just now' : `${coarse(ms)} ago`)} />
}

/** How long it has lasted. */
export function Since({ at }: At): preact.JSX.Element {
  return <Ticking at={at} tell={coarse} />
}

/** How long it still takes. */
export function Until({ at }: At): preact.JSX.Element {
  return <Ticking at={at} tell={(ms) => (ms > -1000 ? 'now' : `in ${coarse(-ms)}`)} />
}

/** The time itself: of the day for today, with the date before. */
export function Clock({ at }: At): preact.JSX.Element {
  const time = new Date(at)
  const isToday = time.toDateString() === new Date(now.peek()).toDateString()
  const format: Intl.DateTimeFormatOptions = isToday
    ? { timeStyle: 'medium' }
    : { dateStyle: 'short', timeStyle: 'medium' }
  return <Moment at={at}>{time.toLocaleString(undefined, format)}</Moment>
}

/** What ticks shows whole seconds. */
function coarse(ms: number): string {
  return duration(Math.max(1, Math.round(ms / 1000)) * 1000).replace('.0', '')
}
