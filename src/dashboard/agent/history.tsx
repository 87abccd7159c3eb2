import { at } from '../data/api.ts'
import { concernsAgent } from '../data/live.ts'
import { useListed } from '../data/listed.ts'
import { commandKinds, runStates, type HistoryEntry } from '../data/views.ts'
import { bytes, count } from '../parts/amount.ts'
import { More } from '../parts/more.tsx'
import { PathFilter, pathQuery } from '../parts/path-filter.tsx'
import { Paths } from '../parts/paths.tsx'
import { Select } from '../parts/select.tsx'
import { State } from '../parts/state.tsx'
import { Rows } from '../parts/rows.tsx'
import { Ago, duration } from '../parts/time.tsx'
import type { TabProps } from './tab.ts'
import { linkTo, requery } from '../router.ts'

/** The three histories of an agent, newest first. */
export function HistoryTab({ agent, query }: TabProps): preact.JSX.Element {
  const kind = query.get('kind') ?? 'replicate'
  const status = query.get('status') ?? ''
  const path = query.get('path') ?? ''
  const day = query.get('day') ?? ''
  const entries = useListed<HistoryEntry>(
    at('agent', agent.name, kind, 'history'),
    { status, ...pathQuery(path), ...spanOf(day) },
    concernsAgent(agent.name),
  )
  return (
    <div class="sheet">
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <fieldset class="chips">
          <legend class="unseen">History of</legend>
          {commandKinds.map((one) => (
            <button key={one} type="button" aria-pressed={one === kind} onClick={() => requery({ kind: one })}>
              {one}
            </button>
          ))}
        </fieldset>
        <Select
          label="Status"
          value={status}
          any="any"
          options={runStates}
          onPick={(picked) => requery({ status: picked })}
        />
        <PathFilter value={path} />
        <label>
          Day
          <input type="date" value={day} onInput={(event) => requery({ day: event.currentTarget.value })} />
        </label>
      </form>
      {entries.items.length > 0 && (
        <Rows caption="Commands, newest first" heads={['Status', 'What', 'Size', 'When', 'Took', 'Targets']}>
          {entries.items.map((entry) => (
            <Row key={entry.id} entry={entry} />
          ))}
        </Rows>
      )}
      <More of={entries} none="Nothing that fits." />
    </div>
  )
}

function Row({ entry }: { entry: HistoryEntry }): preact.JSX.Element {
  return (
    <tr>
      <td data-label="Status">
        <State of={entry.status} />
      </td>
      <td data-label="What">
        <a href={linkTo(['commands', entry.command])}>{entry.action}</a> <Paths of={entry.paths} />
        {entry.error && <p class="fault">{entry.error.detail}</p>}
      </td>
      <td data-label="Size">
        {count(entry.entries)} · {bytes(entry.bytes)}
      </td>
      <td data-label="When">
        <Ago at={entry.createdAt} />
        <br />
        <small>{entry.actor}</small>
      </td>
      <td data-label="Took">{entry.durationMs === undefined ? '…' : duration(entry.durationMs)}</td>
      <td data-label="Targets">
        {entry.targets.slice(0, 4).map(({ target, state }) => (
          <span key={target} class="of-target">
            <State of={state} bare /> {target}
          </span>
        ))}
        {entry.targets.length > 4 && <small> and {entry.targets.length - 4} more</small>}
      </td>
    </tr>
  )
}

/** A day of whoever looks, as the API wants it. */
function spanOf(day: string): { since?: string; until?: string } {
  const start = new Date(`${day}T00:00`)
  if (day === '' || Number.isNaN(start.getTime())) return {}
  const end = new Date(start)
  end.setDate(end.getDate() + 1)
  return { since: start.toISOString(), until: end.toISOString() }
}
