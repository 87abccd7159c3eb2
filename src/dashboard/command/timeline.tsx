import { at } from '../data/api.ts'
import { tellsHeadway } from '../data/live.ts'
import { useListed } from '../data/listed.ts'
import { More } from '../parts/more.tsx'
import { toneOf } from '../parts/state.tsx'
import { Clock } from '../parts/time.tsx'

interface Happening {
  readonly type: string
  readonly at: string
  readonly agent: string
  readonly target?: string
  readonly actor?: string
  readonly data?: { readonly error?: { readonly detail: string }; readonly reason?: string }
}

/** What has happened to a command, in its order. */
export function Timeline({ command }: { command: string }): preact.JSX.Element {
  const events = useListed<Happening>(
    `${at('commands', command)}/events`,
    {},
    (event) => event.command === command && !tellsHeadway(event),
    200,
  )
  return (
    <section class="sheet" aria-label="Timeline">
      <h2>What happened</h2>
      <ol class="timeline">
        {events.items.map((event, i) => (
          <li key={i} class={toneOf(event.type.split('.').at(-1) ?? '')}>
            <Clock at={event.at} /> <b>{event.type}</b> {event.agent}
            {event.target && ` → ${event.target}`}
            {event.actor && <small> by {event.actor}</small>}
            {event.data?.error && <span class="fault"> {event.data.error.detail}</span>}
            {event.data?.reason && `: ${event.data.reason}`}
          </li>
        ))}
      </ol>
      <More of={events} none="Nothing yet." />
    </section>
  )
}
