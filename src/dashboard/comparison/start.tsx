import { useState } from 'preact/hooks'
import { agentNames, configOf } from '../data/agents.ts'
import { at, get, problemOf, withQuery, type Page } from '../data/api.ts'
import { useLoaded } from '../data/loaded.ts'
import { count } from '../parts/amount.ts'
import { Failure } from '../parts/failure.tsx'
import { Since, Clock } from '../parts/time.tsx'
import { go, linkTo, requery } from '../router.ts'
import { compareNow } from './compare.ts'
import type { Summary } from './views.ts'

/** So many are listed at first, and more each time. */
const step = 50

/** What was compared before, and the question for the next. */
export function Start({ query }: { query: URLSearchParams }): preact.JSX.Element {
  const agent = query.get('agent') ?? ''
  const [most, setMost] = useState(step)
  const { value, problem, reload } = useLoaded<Page<Summary>>(
    `${agent} ${most}`,
    (signal) => get(withQuery(agent ? `/agent${at(agent)}/comparisons` : '/comparisons', { limit: most }), signal),
    ({ type, agent: of }) => type === 'comparison.created' && (agent === '' || of === agent),
  )
  return (
    <section class="comparisons">
      <header class="headline">
        <h1>Compare</h1>
      </header>
      <Question key={agent} query={query} />
      <h2>{agent ? `Comparisons of ${agent}` : 'Newest comparisons'}</h2>
      {problem && (agentNames.value?.includes(agent) ?? true) && <Failure error={problem} retry={reload} />}
      {value?.items.length === 0 && <p class="empty">Nothing has been compared yet.</p>}
      {value && value.items.length > 0 && (
        <ul class="made" data-ready>
          {value.items.map((one) => (
            <Made key={one.id} of={one} />
          ))}
        </ul>
      )}
      {value?.next !== undefined && most < 500 && (
        <button type="button" onClick={() => setMost(Math.min(500, most + step))}>
          More
        </button>
      )}
    </section>
  )
}

function Made({ of }: { of: Summary }): preact.JSX.Element {
  const { changed, added, deleted, conflicts } = of.counts
  const found = [
    [changed, 'differ'],
    [added, 'newly added'],
    [deleted, 'only at the target'],
    [conflicts, conflicts === 1 ? 'conflict' : 'conflicts'],
  ] as const
  const told = found.filter(([many]) => many > 0).map(([many, words]) => `${count(many)} ${words}`)
  return (
    <li>
      <a href={linkTo(['comparisons', of.id])}>
        {of.agent} → {of.target}
      </a>
      <span>{told.length === 0 ? '= both sides are equal' : told.join(', ')}</span>
      <small>
        {of.paths.slice(0, 3).join(' ')} {of.paths.length > 3 && `and ${count(of.paths.length - 3)} more`}
        {of.reverts !== undefined && ' ⤺ takes back a command'}
      </small>
      <small>
        <Clock at={of.createdAt} /> by {of.actor}
      </small>
    </li>
  )
}

function Question({ query }: { query: URLSearchParams }): preact.JSX.Element {
  const agent = query.get('agent') ?? ''
  const config = configOf(agent)
  const targets = config?.targets.map(({ name }) => name) ?? []
  const target = query.get('target') ?? (targets.length === 1 ? targets[0] : '')
  const [paths, setPaths] = useState(query.getAll('path').join('\n'))
  const [verify, setVerify] = useState(false)
  const [busySince, setBusySince] = useState<string>()
  const [problem, setProblem] = useState<unknown>()
  const names = agentNames.value?.filter((name) => configOf(name)?.source !== undefined)
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault()
    setBusySince(new Date().toISOString())
    setProblem(undefined)
    try {
      const at = paths.split('\n').map((path) => path.trim())
      const given = at.filter(Boolean)
      const id = await compareNow(agent, {
        ...(target && { target }),
        ...(given.length > 0 && { paths: given }),
        ...(verify && { verify }),
      })
      go(linkTo(['comparisons', id]))
    } catch (error) {
      setProblem(problemOf(error))
      setBusySince(undefined)
    }
  }
  return (
    <form class="question" onSubmit={(event) => void submit(event)}>
      <label>
        Agent
        <select required value={agent} onChange={(event) => requery({ agent: event.currentTarget.value, target: '' })}>
          <option value="">choose…</option>
          {agent && !names?.includes(agent) && <option value={agent}>{agent}</option>}
          {names?.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        Target
        <select
          required={targets.length > 1}
          value={target}
          disabled={agent === ''}
          onChange={(event) => requery({ target: event.currentTarget.value })}
        >
          {targets.length !== 1 && <option value="">choose…</option>}
          {target && !targets.includes(target) && <option value={target}>{target}</option>}
          {targets.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label class="paths">
        Paths, one on each line
        <textarea
          rows={2}
          placeholder={config ? `as configured: ${config.roots.join(' ')}` : 'all roots of the agent'}
          value={paths}
          onInput={(event) => setPaths(event.currentTarget.value)}
        />
      </label>
      <label class="tick">
        <input type="checkbox" checked={verify} onChange={(event) => setVerify(event.currentTarget.checked)} />
        Read all content, also of files that look unchanged
      </label>
      <p class="verbs">
        <button type="submit" class="primary" disabled={busySince !== undefined}>
          Compare
        </button>
        {busySince !== undefined && (
          <small role="status">
            Reading both sides, since <Since at={busySince} />. Nothing is changed.
          </small>
        )}
      </p>
      {problem !== undefined && <Failure error={problem} />}
    </form>
  )
}
