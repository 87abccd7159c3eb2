import { CommandView } from '../command/command.tsx'
import { agentNames } from '../data/agents.ts'
import { useListed } from '../data/listed.ts'
import { commandKinds, runStates, type Command } from '../data/views.ts'
import { More } from '../parts/more.tsx'
import { PathFilter, pathQuery } from '../parts/path-filter.tsx'
import { Paths } from '../parts/paths.tsx'
import { Select } from '../parts/select.tsx'
import { State } from '../parts/state.tsx'
import { Rows } from '../parts/rows.tsx'
import { Ago, duration } from '../parts/time.tsx'
import { linkTo, requery } from '../router.ts'
import type { PageProps } from './page.ts'

/** All commands, newest first, or one of them. */
export function CommandsPage({ rest: [id], query }: PageProps): preact.JSX.Element {
  return id === undefined ? <Commands query={query} /> : <CommandView key={id} id={id} />
}

function Commands({ query }: { query: URLSearchParams }): preact.JSX.Element {
  const given = Object.fromEntries(['state', 'agent', 'kind', 'path'].map((name) => [name, query.get(name) ?? '']))
  const { state = '', agent = '', kind = '', path = '' } = given
  const commands = useListed<Command>('/commands', { state, agent, kind, ...pathQuery(path) }, ({ type }) =>
    type.startsWith('command.'),
  )
  return (
    <section>
      <header class="headline">
        <h1>Commands</h1>
      </header>
      <div class="sheet">
        <form class="filters" onSubmit={(event) => event.preventDefault()}>
          <Select label="State" value={state} any="any" options={runStates} onPick={(to) => requery({ state: to })} />
          <Select label="Kind" value={kind} any="any" options={commandKinds} onPick={(to) => requery({ kind: to })} />
          <Select
            label="Agent"
            value={agent}
            any="any"
            options={agentNames.value ?? []}
            onPick={(to) => requery({ agent: to })}
          />
          <PathFilter value={path} />
        </form>
        {commands.items.length > 0 && (
          <Rows caption="Commands, newest first" heads={['State', 'What', 'Agents', 'When', 'Took']}>
            {commands.items.map((command) => (
              <Row key={command.id} command={command} />
            ))}
          </Rows>
        )}
        <More of={commands} none="No command fits." />
      </div>
    </section>
  )
}

function Row({ command }: { command: Command }): preact.JSX.Element {
  const { agents, createdAt, finishedAt } = command
  return (
    <tr>
      <td data-label="State">
        <State of={command.state} />
      </td>
      <td data-label="What">
        <a href={linkTo(['commands', command.id])}>
          {command.kind} {command.action === 'add' ? '' : command.action}
        </a>{' '}
        <Paths of={command.paths} />
      </td>
      <td data-label="Agents">
        {agents.slice(0, 3).map(({ agent }, i) => (
          <span key={agent}>
            {i > 0 && ', '}
            <a href={linkTo(['agents', agent])}>{agent}</a>
          </span>
        ))}
        {agents.length > 3 && <small> and {agents.length - 3} more</small>}
      </td>
      <td data-label="When">
        <Ago at={createdAt} />
        <br />
        <small>{command.actor}</small>
      </td>
      <td data-label="Took">
        {finishedAt === undefined ? '…' : duration(Date.parse(finishedAt) - Date.parse(createdAt))}
      </td>
    </tr>
  )
}
