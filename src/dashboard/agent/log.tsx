import { at } from '../data/api.ts'
import { concernsAgent } from '../data/live.ts'
import { useListed } from '../data/listed.ts'
import type { LogLine } from '../data/views.ts'
import { More } from '../parts/more.tsx'
import { Select } from '../parts/select.tsx'
import { State } from '../parts/state.tsx'
import { Clock } from '../parts/time.tsx'
import type { TabProps } from './tab.ts'
import { linkTo, requery } from '../router.ts'

/** The agent's own log, newest first. */
export function LogTab({ agent, query }: TabProps): preact.JSX.Element {
  const level = query.get('level') ?? ''
  const target = query.get('target') ?? ''
  const lines = useListed<LogLine>(at('agent', agent.name, 'log'), { level, target }, concernsAgent(agent.name), 100)
  return (
    <div class="sheet">
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <Select
          label="Level, and worse"
          value={level}
          any="all"
          options={['warn', 'error']}
          onPick={(picked) => requery({ level: picked })}
        />
        <Select
          label="Target"
          value={target}
          any="all"
          options={agent.queues.map(({ name }) => name)}
          onPick={(picked) => requery({ target: picked })}
        />
      </form>
      <ol class="log" aria-label="Log, newest first">
        {lines.items.map((line, i) => (
          <li key={`${line.at} ${i}`}>
            <Clock at={line.at} /> <State of={line.level} /> {line.message}
            {line.target && <> · {line.target}</>}
            {line.actor && <small> by {line.actor}</small>}
            {line.command && (
              <>
                {' '}
                <a href={linkTo(['commands', line.command])}>command</a>
              </>
            )}{' '}
            <code>{fieldsOf(line)}</code>
          </li>
        ))}
      </ol>
      <More of={lines} none="The log has no such line." />
    </div>
  )
}

function fieldsOf({ fields }: LogLine): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')
}
