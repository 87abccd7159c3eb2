import { useState } from 'preact/hooks'
import { configOf } from '../data/agents.ts'
import { at, post } from '../data/api.ts'
import type { Agent, Trigger } from '../data/views.ts'
import { Flow } from '../parts/flow.tsx'
import { attempt } from '../parts/notices.tsx'
import { Sparkline } from '../parts/sparkline.tsx'
import { State } from '../parts/state.tsx'
import { Verb } from '../parts/verb.tsx'
import { Ago, Until } from '../parts/time.tsx'
import { linkTo } from '../router.ts'
import { Replicate } from './replicate.tsx'

export function AgentHeadline({ agent }: { agent: Agent }): preact.JSX.Element {
  const config = configOf(agent.name)
  return (
    <>
      <header class="headline">
        <h1>{agent.name}</h1>
        <State of={agent.state} />
        {config?.title && <span>{config.title}</span>}
        <Verbs agent={agent} />
      </header>
      {agent.reason && <p class={`reason ${agent.state}`}>{agent.reason}</p>}
      {config?.description && <p>{config.description}</p>}
      <div class="sheet picture">
        <Flow agent={agent} config={config} />
        {agent.throughput && <Sparkline values={agent.throughput} what="delivered" />}
      </div>
      <Triggers of={agent.triggers} />
    </>
  )
}

function Verbs({ agent }: { agent: Agent }): preact.JSX.Element {
  const [isReplicating, setReplicating] = useState(false)
  const config = configOf(agent.name)
  return (
    <div class="verbs">
      {config?.source && (
        <button type="button" class="primary" onClick={() => setReplicating(true)}>
          Replicate…
        </button>
      )}
      {config?.source && config.targets.length > 0 && (
        <a class="button" href={linkTo(['comparisons'], { agent: agent.name })}>
          Compare…
        </a>
      )}
      {agent.state === 'paused' && (
        <button
          type="button"
          onClick={() => void attempt('The agent goes on.', () => post(`/agent${at(agent.name)}/resume`))}
        >
          Resume
        </button>
      )}
      <Verb
        label="Pause…"
        isOffered={agent.state !== 'paused'}
        title={`Pause ${agent.name}?`}
        verb="Pause"
        reason="welcome"
        act={(reason) => post(`/agent${at(agent.name)}/pause`, reason && { reason })}
      >
        <p>All its queues stand still until somebody resumes it, also after a restart. Commands are still accepted.</p>
      </Verb>
      {isReplicating && <Replicate agent={agent.name} onClose={() => setReplicating(false)} />}
    </div>
  )
}

function Triggers({ of }: { of: readonly Trigger[] }): preact.JSX.Element | null {
  if (of.length === 0) return null
  return (
    <ul class="triggers" aria-label="Triggers">
      {of.map((trigger, i) => (
        <li key={i}>
          {trigger.kind === 'schedule' && (
            <>
              schedule <code>{trigger.cron}</code> {trigger.timezone}
              {trigger.nextAt && (
                <>
                  , next <Until at={trigger.nextAt} />
                </>
              )}
            </>
          )}
          {trigger.kind === 'after' && (
            <>
              after <a href={linkTo(['agents', trigger.agent ?? ''])}>{trigger.agent}</a>
            </>
          )}
          {trigger.kind === 'watch' && <>watches its source</>}
          {trigger.lastFiredAt && (
            <>
              , fired <Ago at={trigger.lastFiredAt} />
            </>
          )}
          {trigger.lastCommand && (
            <>
              {' '}
              (<a href={linkTo(['commands', trigger.lastCommand])}>command</a>)
            </>
          )}
          {trigger.error && <span class="fault"> {trigger.error.detail}</span>}
        </li>
      ))}
    </ul>
  )
}
