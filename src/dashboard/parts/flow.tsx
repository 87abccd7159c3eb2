import type { Agent, Config, Endpoint, Queue } from '../data/views.ts'
import { count } from './amount.ts'
import { State, toneOf } from './state.tsx'

/** So many targets are drawn; of more, the ones in trouble first and how many others there are. */
const shown = 4

/** An agent as a picture: where it reads, its queues with what waits in each, where they lead. */
export function Flow({ agent, config }: { agent: Agent; config: Config | undefined }): preact.JSX.Element {
  const queues = agent.queues.filter(({ name }) => !name.startsWith('error-'))
  const drawn = queues.length <= shown ? queues : queues.toSorted((a, b) => weight(b) - weight(a)).slice(0, shown - 1)
  const rest = queues.length - drawn.length
  return (
    <div class="flow">
      <span class="place" title={config?.source && summary(config.source)}>
        {config === undefined ? '…' : config.source ? nameOf(config.source) : 'imports only'}
      </span>
      <ul>
        {drawn.map((queue) => (
          <li key={queue.name} class={toneOf(queue.state)}>
            <span class="lane">
              <span class="depth" title={`${queue.size} in queue ${queue.name}`}>
                {queue.size > 0 ? count(queue.size) : ''}
              </span>
            </span>
            <Destination queue={queue} config={config} />
          </li>
        ))}
        {rest > 0 && <li class="calm more">and {count(rest)} more targets</li>}
        {queues.length === 0 && <li class="calm more">no queue</li>}
      </ul>
    </div>
  )
}

function Destination({ queue, config }: { queue: Queue; config: Config | undefined }): preact.JSX.Element {
  const target = config?.targets.find(({ name }) => name === queue.name)
  return (
    <span class="place" title={target ? summary(target) : 'others pull from it'}>
      <State of={queue.state} bare /> {queue.name}
      {target && <small> {nameOf(target)}</small>}
    </span>
  )
}

const troubles: readonly Queue['state'][] = ['passive', 'idle', 'running', 'paused', 'retrying', 'blocked']

function weight({ state, size }: Queue): number {
  return troubles.indexOf(state) * 1e9 + size
}

/** The short name of a place: the last of its path, or its host. */
function nameOf(endpoint: Endpoint): string {
  const { kind } = endpoint
  const where = whereOf(endpoint)
  if (where === undefined) return kind
  try {
    return new URL(where).host
  } catch {
    return where.split('/').findLast(Boolean) ?? where
  }
}

function summary(endpoint: Endpoint): string {
  return [endpoint.kind, whereOf(endpoint)].filter(Boolean).join(' ')
}

function whereOf(endpoint: Endpoint): string | undefined {
  for (const option of ['url', 'path', 'name']) {
    const value = endpoint[option]
    // The name of a target is not where it is, except in memory.
    if (typeof value === 'string' && (option !== 'name' || endpoint.kind === 'memory')) return value
  }
  return undefined
}
