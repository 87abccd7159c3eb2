import { useEffect, useState } from 'preact/hooks'
import { configOf } from '../data/agents.ts'
import { at, post, type Problem, problemOf } from '../data/api.ts'
import type { Agent, Endpoint } from '../data/views.ts'
import { Failure } from '../parts/failure.tsx'
import { State } from '../parts/state.tsx'
import { duration } from '../parts/time.tsx'
import type { TabProps } from './tab.ts'
import { linkTo } from '../router.ts'

interface Step {
  readonly step: string
  readonly ok: boolean
  readonly detail?: string
  readonly durationMs: number
}

/** Where the agent delivers to, and whether each can be reached and written. */
export function TargetsTab({ agent, query }: TabProps): preact.JSX.Element {
  const targets = configOf(agent.name)?.targets ?? []
  if (targets.length === 0) return <p class="empty">This agent delivers to nobody: its queues are pulled from.</p>
  return (
    <div class="targets">
      {targets.map((target) => (
        <TargetSheet key={target.name} agent={agent} target={target} isAsked={query.get('test') === target.name} />
      ))}
    </div>
  )
}

function TargetSheet(props: {
  agent: Agent
  target: Endpoint & { readonly name: string }
  isAsked: boolean
}): preact.JSX.Element {
  const { agent, target } = props
  const { name, kind, ...options } = target
  const [test, setTest] = useState<'busy' | { steps: readonly Step[] } | { problem: Problem }>()
  const run = async (): Promise<void> => {
    setTest('busy')
    try {
      setTest(await post<{ steps: readonly Step[] }>(`${at('agent', agent.name, 'targets', name)}/test`))
    } catch (error) {
      setTest({ problem: problemOf(error) })
    }
  }
  useEffect(() => {
    if (props.isAsked) void run()
  }, [props.isAsked])
  const drift = agent.drift.find((one) => one.target === name)
  return (
    <section class="sheet" aria-label={`Target ${name}`}>
      <header>
        <h2>{name}</h2>
        <span>{kind}</span>
        {drift && (
          <a href={linkTo(['comparisons', drift.comparison])}>
            <State of={drift.state} />
          </a>
        )}
        <div class="verbs">
          <button type="button" disabled={test === 'busy'} onClick={() => void run()}>
            {test === 'busy' ? 'Testing…' : 'Test'}
          </button>
          <a class="button" href={linkTo(['comparisons'], { agent: agent.name, target: name })}>
            Compare…
          </a>
        </div>
      </header>
      <dl class="options">
        {Object.entries(options).map(([option, value]) => (
          <div key={option}>
            <dt>{option}</dt>
            <dd>
              <code>{typeof value === 'string' ? value : JSON.stringify(value)}</code>
            </dd>
          </div>
        ))}
      </dl>
      {test !== undefined && test !== 'busy' && 'problem' in test && <Failure error={test.problem} />}
      {test !== undefined && test !== 'busy' && 'steps' in test && <Steps of={test.steps} />}
    </section>
  )
}

function Steps({ of }: { of: readonly Step[] }): preact.JSX.Element {
  return (
    <ol class="steps" aria-label="Steps of the test" aria-live="polite">
      {of.map(({ step, ok, detail, durationMs }) => (
        <li key={step}>
          <State of={ok ? 'succeeded' : 'failed'} bare /> <b>{step}</b> {detail} <small>{duration(durationMs)}</small>
        </li>
      ))}
    </ol>
  )
}
