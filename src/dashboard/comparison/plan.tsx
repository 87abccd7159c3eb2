import { useEffect, useMemo, useState } from 'preact/hooks'
import { at, call, problemOf, type Problem } from '../data/api.ts'
import { count, counted } from '../parts/amount.ts'
import { Failure } from '../parts/failure.tsx'
import { selectionOf, treeOf } from './selection.ts'
import type { Choices, Row } from './ticks.ts'
import type { Plan, Selection } from './views.ts'

/** The server is asked once whoever ticks pauses for so long. */
const pauseMs = 250

export interface Planned {
  /** What was told last; only what `isCurrent` is told of the present ticks. */
  readonly plan: Plan | undefined
  readonly selection: Selection | undefined
  readonly problem: Problem | undefined
  readonly isCurrent: boolean
}

/** What the present ticks come to, as the server says. */
export function usePlan(id: string, byPath: ReadonlyMap<string, Row>, choices: Choices): Planned {
  const [told, setTold] = useState<{ of?: Choices; plan?: Plan; selection?: Selection; problem?: Problem }>({})
  const tree = useMemo(() => {
    let made: ReturnType<typeof treeOf> | undefined
    return () => (made ??= treeOf(byPath.values()))
  }, [byPath])
  useEffect(() => {
    const over = new AbortController()
    const ask = async (): Promise<void> => {
      const selection = selectionOf(tree, byPath, choices)
      if ('problem' in selection) throw new Error(selection.problem)
      const body = { ...selection, allowDeletes: true }
      const path = `/comparisons${at(id)}/plan`
      const { body: plan } = await call<Plan>(path, { method: 'POST', body, signal: over.signal })
      setTold({ of: choices, plan, selection })
    }
    const timer = setTimeout(() => {
      void ask().catch((error: unknown) => {
        if (!over.signal.aborted) setTold({ of: choices, problem: problemOf(error) })
      })
    }, pauseMs)
    return () => {
      clearTimeout(timer)
      over.abort()
    }
  }, [id, choices, byPath])
  const { of, plan, selection, problem } = told
  return { plan, selection, problem, isCurrent: of === choices }
}

/** Always in view: the plan in three numbers. */
export function PlanBar(props: { planned: Planned; isWaiting: boolean; onApply: () => void }): preact.JSX.Element {
  const { plan, problem, isCurrent } = props.planned
  const writes = plan && plan.creates + plan.overwrites
  const isPossible = plan !== undefined && isCurrent && plan.errors.length === 0
  return (
    <aside class="plan" aria-label="Plan" data-current={isCurrent}>
      <div role="status" aria-busy={!isCurrent}>
        <dl>
          <Number
            name="written"
            value={writes}
            of={plan && `${count(plan.creates)} created, ${count(plan.overwrites)} overwritten`}
          />
          <Number
            name="deleted"
            value={plan?.deletes}
            of={plan?.guard === undefined ? undefined : 'more than the guard admits'}
          />
          <Number
            name="left alone"
            value={plan?.unchanged}
            of={plan?.conflicts ? `${counted(plan.conflicts, 'conflict')} undecided` : undefined}
          />
        </dl>
      </div>
      <span class="verbs">
        <button type="button" class="primary" disabled={!isPossible || props.isWaiting} onClick={props.onApply}>
          Apply…
        </button>
        {!isCurrent && <small>counting…</small>}
        {props.isWaiting && <small>Rows are still coming.</small>}
      </span>
      {isCurrent && problem && <Failure error={problem} />}
      {isCurrent && plan && plan.errors.length > 0 && (
        <ul class="failure" role="alert">
          {plan.errors.slice(0, 5).map(({ pointer, message }) => (
            <li key={pointer + message}>
              <code>{pointer}</code> {message}
            </li>
          ))}
          {plan.errors.length > 5 && <li>and {count(plan.errors.length - 5)} more reasons</li>}
        </ul>
      )}
    </aside>
  )
}

function Number(props: { name: string; value: number | undefined; of: string | undefined }): preact.JSX.Element {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd data-plan={props.name}>{props.value === undefined ? '…' : count(props.value)}</dd>
      {props.of !== undefined && <dd class="of">{props.of}</dd>}
    </div>
  )
}
