import type { ReadonlySignal } from '@preact/signals'
import { agentCounts, agentNames, agentOf, agentsInOrder, agentsProblem, configOf } from '../data/agents.ts'
import type { Agent, AgentState } from '../data/views.ts'
import { count, counted } from '../parts/amount.ts'
import { Failure } from '../parts/failure.tsx'
import { Flow } from '../parts/flow.tsx'
import { Sparkline } from '../parts/sparkline.tsx'
import { State } from '../parts/state.tsx'
import { Ago, Since, Until } from '../parts/time.tsx'
import { linkTo, requery } from '../router.ts'
import type { PageProps } from './page.ts'

/** Every agent, those that need somebody first. */
export function Overview({ query }: PageProps): preact.JSX.Element {
  const text = query.get('text') ?? ''
  const state = query.get('state') ?? ''
  const agents = agentsInOrder.value.filter(
    (agent) => (state === '' || agent.state === state) && matches(agent, text.toLowerCase()),
  )
  return (
    <section class="overview">
      <header class="headline">
        <h1>Agents</h1>
        <a class="button" href={linkTo(['new'])}>
          New agent
        </a>
      </header>
      {agentsProblem.value && <Failure error={agentsProblem.value} />}
      <Filters text={text} state={state} />
      {agentNames.value === undefined && <p class="starting">Reading…</p>}
      {agentNames.value?.length === 0 && (
        <p class="empty">
          There is no agent yet. An agent moves the tree below a path from a source to its targets:{' '}
          <a href={linkTo(['new'])}>make the first one</a>.
        </p>
      )}
      {agentNames.value && agentNames.value.length > 0 && agents.length === 0 && <p class="empty">No agent fits.</p>}
      <ul class="agents" data-ready={agentNames.value !== undefined}>
        {agents.map(({ name }) => {
          const agent = agentOf(name)
          return agent && <AgentRow key={name} agent={agent} />
        })}
      </ul>
    </section>
  )
}

function Filters({ text, state }: { text: string; state: string }): preact.JSX.Element {
  const all = agentNames.value?.length ?? 0
  return (
    <form class="filters" onSubmit={(event) => event.preventDefault()}>
      <input
        type="search"
        aria-label="Find agents by name or target"
        placeholder="Name or target"
        value={text}
        onInput={(event) => requery({ text: event.currentTarget.value })}
      />
      <fieldset class="chips">
        <legend class="unseen">State</legend>
        <button type="button" aria-pressed={state === ''} onClick={() => requery({ state: '' })}>
          all {count(all)}
        </button>
        {[...agentCounts.value]
          .filter(([one, many]) => many > 0 || one === state)
          .map(([one, many]) => (
            <button
              key={one}
              type="button"
              aria-pressed={state === one}
              onClick={() => requery({ state: state === one ? '' : one })}
            >
              <State of={one} /> {count(many)}
            </button>
          ))}
      </fieldset>
    </form>
  )
}

function AgentRow({ agent: live }: { agent: ReadonlySignal<Agent> }): preact.JSX.Element {
  const agent = live.value
  const config = configOf(agent.name)
  const waiting = agent.queues.reduce((sum, { size }) => sum + size, 0)
  const oldest = oldestOf(agent)
  return (
    <li class={`agent ${agent.state}`}>
      <div class="who">
        <h2>
          <a href={linkTo(['agents', agent.name])}>{agent.name}</a>
        </h2>
        <State of={agent.state} />
        {config?.title && <p class="title">{config.title}</p>}
      </div>
      <Flow agent={agent} config={config} />
      <dl class="facts">
        <div>
          <dt>waiting</dt>
          <dd>
            {count(waiting)}
            {oldest && (
              <small>
                {' '}
                oldest <Since at={oldest} />
              </small>
            )}
          </dd>
        </div>
        <div>
          <dt>last command</dt>
          <dd>
            <LastCommand of={agent} />
          </dd>
        </div>
      </dl>
      {agent.throughput && <Sparkline values={agent.throughput} what="delivered" />}
      <Trouble agent={agent} />
    </li>
  )
}

function LastCommand({ of: { lastCommand } }: { of: Agent }): preact.JSX.Element {
  if (lastCommand === undefined) return <>none</>
  return (
    <a href={linkTo(['commands', lastCommand.id])}>
      <State of={lastCommand.state} bare /> {lastCommand.kind} <Ago at={lastCommand.createdAt} />
    </a>
  )
}

const troubled: readonly AgentState[] = ['blocked', 'failed', 'retrying']

/** Why it does not go on, and when it is tried again. */
function Trouble({ agent }: { agent: Agent }): preact.JSX.Element | null {
  const stuck = agent.queues.filter(({ blockedBy }) => blockedBy !== undefined)
  if (stuck.length === 0)
    return troubled.includes(agent.state) && agent.reason !== undefined ? <p class="trouble">{agent.reason}</p> : null
  return (
    <ul class="trouble">
      {stuck.map(
        ({ name, state, blockedBy }) =>
          blockedBy && (
            <li key={name}>
              <State of={state} bare /> <b>{name}</b>: {blockedBy.error.detail}{' '}
              <small>
                ({blockedBy.error.code}, after {counted(blockedBy.attempts, 'try', 'tries')}
                {blockedBy.nextAttemptAt && (
                  <>
                    , next <Until at={blockedBy.nextAttemptAt} />
                  </>
                )}
                )
              </small>
            </li>
          ),
      )}
    </ul>
  )
}

function oldestOf(agent: Agent): string | undefined {
  return agent.queues
    .flatMap(({ oldestAt, name }) => (oldestAt === undefined || name.startsWith('error-') ? [] : [oldestAt]))
    .toSorted()[0]
}

function matches(agent: Agent, text: string): boolean {
  if (text === '') return true
  return [agent.name, configOf(agent.name)?.title ?? '', ...agent.queues.map(({ name }) => name)].some((one) =>
    one.toLowerCase().includes(text),
  )
}
