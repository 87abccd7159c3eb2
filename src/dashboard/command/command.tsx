import { at, get } from '../data/api.ts'
import { useLoaded } from '../data/loaded.ts'
import type { Command, CommandAgent } from '../data/views.ts'
import { bytes, counted } from '../parts/amount.ts'
import { Failure } from '../parts/failure.tsx'
import { Paths } from '../parts/paths.tsx'
import { State } from '../parts/state.tsx'
import { Ago, duration, Since } from '../parts/time.tsx'
import { linkTo } from '../router.ts'
import { ProgressBar } from './progress.tsx'
import { Targets } from './targets.tsx'
import { Timeline } from './timeline.tsx'
import { CommandVerbs } from './verbs.tsx'

/** One command: how far it is at each target, what happened, and what can be done about it. */
export function CommandView({ id }: { id: string }): preact.JSX.Element {
  const {
    value: command,
    problem,
    reload,
  } = useLoaded(
    id,
    (signal) => get<Command>(`/commands${at(id)}`, signal),
    (event) => event.command === id,
  )
  if (command === undefined)
    return problem ? <Failure error={problem} retry={reload} /> : <p class="starting">Reading…</p>
  return (
    <section class="command-page">
      <header class="headline">
        <h1>
          {command.kind} {command.action === 'add' ? '' : command.action}
        </h1>
        <State of={command.state} />
        <CommandVerbs command={command} />
      </header>
      {problem && <Failure error={problem} retry={reload} />}
      <Facts of={command} />
      {command.agents.map((agent) => (
        <AgentPart key={agent.agent} of={agent} />
      ))}
      <Timeline command={id} />
    </section>
  )
}

function Facts({ of: command }: { of: Command }): preact.JSX.Element {
  const { cause, application, approval, createdAt, finishedAt } = command
  return (
    <dl class="sheet options">
      <div>
        <dt>Paths</dt>
        <dd>
          <Paths of={command.paths} /> {command.deep ? '' : '(without what is below)'}
          {command.mode === 'mirror' && ' (mirror)'}
          {command.full && ' (full)'}
          {command.verify && ' (verified)'}
        </dd>
      </div>
      <div>
        <dt>Asked</dt>
        <dd>
          <Ago at={createdAt} /> by {command.actor}
        </dd>
      </div>
      <div>
        <dt>{finishedAt ? 'Took' : 'Has taken'}</dt>
        <dd>{finishedAt ? duration(Date.parse(finishedAt) - Date.parse(createdAt)) : <Since at={createdAt} />}</dd>
      </div>
      {cause && (
        <div>
          <dt>Fired by</dt>
          <dd>
            {cause.trigger}
            {cause.agent && (
              <>
                {' '}
                <a href={linkTo(['agents', cause.agent])}>{cause.agent}</a>
              </>
            )}
            {cause.missed !== undefined && `, making up for ${counted(cause.missed, 'missed firing')}`}
          </dd>
        </div>
      )}
      {application && (
        <div>
          <dt>{application.reverts ? 'Undoes' : 'Applies'}</dt>
          <dd>
            <a href={linkTo(['comparisons', application.comparison])}>a comparison</a>:{' '}
            {counted(application.writes, 'write')}, {counted(application.deletes, 'deletion')}
            {application.reverts && (
              <>
                , of <a href={linkTo(['commands', application.reverts])}>this command</a>
              </>
            )}
            {application.overrideGuard && `; the guard was overridden: ${application.overrideGuard}`}
          </dd>
        </div>
      )}
      {approval && (
        <div>
          <dt>Approval</dt>
          <dd>{approval.state === 'needed' ? 'needed; it waits in no queue until then' : `given by ${approval.by}`}</dd>
        </div>
      )}
      <div>
        <dt>Id</dt>
        <dd>
          <code>{command.id}</code>
        </dd>
      </div>
    </dl>
  )
}

function AgentPart({ of }: { of: CommandAgent }): preact.JSX.Element {
  return (
    <section class="sheet" aria-label={`Agent ${of.agent}`}>
      <header>
        <h2>
          <a href={linkTo(['agents', of.agent])}>{of.agent}</a>
        </h2>
        <State of={of.status} />
        {of.parts && (
          <span>
            {of.parts.done} of {of.parts.total} {of.parts.more ? 'or more parts' : 'parts'}
          </span>
        )}
        {of.delta && (
          <span>
            only what differs: {counted(of.delta.files, 'file')}, {bytes(of.delta.bytes)}
          </span>
        )}
        {of.package && (
          <a href={`/replication/packages/${of.package}/content`} download>
            package <code>{of.package.slice(7, 19)}</code>
          </a>
        )}
      </header>
      {of.error && <Failure error={new Error(of.error.detail)} />}
      {of.progress && <ProgressBar of={of.progress} label="Reading the source" />}
      {of.notes && of.notes.length > 0 && (
        <ul class="notes" aria-label="What was passed over">
          {of.notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
      <Targets of={of.targets} agent={of.agent} />
    </section>
  )
}
