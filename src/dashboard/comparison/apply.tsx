import { useState } from 'preact/hooks'
import { at, post, problemOf, type Problem } from '../data/api.ts'
import { count, counted } from '../parts/amount.ts'
import { Dialog } from '../parts/dialog.tsx'
import { Failure } from '../parts/failure.tsx'
import { notify } from '../parts/notices.tsx'
import { go, linkTo } from '../router.ts'
import { compareAgain } from './compare.ts'
import type { Plan, Selection, Summary } from './views.ts'

interface ApplyProps {
  readonly comparison: Summary
  readonly plan: Plan
  readonly selection: Selection
  onClose: () => void
}

/** The last look before anything is written: deletions want a tick of their own, and what the guard refuses a reason. */
export function Apply({ comparison, plan, selection, onClose }: ApplyProps): preact.JSX.Element {
  const [allowDeletes, setAllowDeletes] = useState(false)
  const [overrideGuard, setOverrideGuard] = useState('')
  const [refusal, setRefusal] = useState<Problem>()
  const [isBusy, setBusy] = useState(false)
  const isGuarded = plan.guard !== undefined || refusal?.message.includes('overrideGuard') === true
  const writes = plan.creates + plan.overwrites
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault()
    setBusy(true)
    setRefusal(undefined)
    try {
      const { id } = await post<{ id: string }>(`/comparisons${at(comparison.id)}/apply`, {
        ...selection,
        ...{ allowDeletes: plan.deletes > 0 && allowDeletes },
        ...(isGuarded && overrideGuard.trim() !== '' && { overrideGuard: overrideGuard.trim() }),
      })
      notify(plan.approval ? 'Asked for; it waits for somebody else’s approval.' : 'Accepted.')
      go(linkTo(['commands', id]))
    } catch (error) {
      setRefusal(problemOf(error))
      setBusy(false)
    }
  }
  const again = async (): Promise<void> => {
    setBusy(true)
    try {
      go(linkTo(['comparisons', await compareAgain(comparison)]))
      onClose()
    } catch (error) {
      setRefusal(problemOf(error))
      setBusy(false)
    }
  }
  return (
    <Dialog title={`Apply to ${comparison.target} of ${comparison.agent}`} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <p>
          {counted(writes, 'resource is', 'resources are')} written ({count(plan.creates)} created,{' '}
          {count(plan.overwrites)} overwritten), {count(plan.deletes)} deleted, {count(plan.unchanged)} left alone.
        </p>
        {plan.conflicts > 0 && (
          <p>{counted(plan.conflicts, 'conflict stays', 'conflicts stay')} undecided, and as they are.</p>
        )}
        {writes + plan.deletes === 0 && <p>Nothing is written: the command succeeds at once.</p>}
        {plan.approval && <p>This agent wants approval: it begins once somebody else has approved it.</p>}
        {plan.deletes > 0 && (
          <label class="tick consent">
            <input
              type="checkbox"
              required
              checked={allowDeletes}
              onChange={(event) => setAllowDeletes(event.currentTarget.checked)}
            />
            Yes, {counted(plan.deletes, 'resource')} may be deleted at the target
          </label>
        )}
        {isGuarded && (
          <>
            {plan.guard !== undefined && <p class="guarded">The guard: {plan.guard}.</p>}
            <label>
              Why so much may be deleted all the same (kept in the history)
              <input
                value={overrideGuard}
                required
                maxLength={500}
                onInput={(event) => setOverrideGuard(event.currentTarget.value)}
              />
            </label>
          </>
        )}
        {refusal && <Failure error={refusal} />}
        <p class="verbs">
          <button type="submit" class={plan.deletes > 0 ? 'primary danger-fill' : 'primary'} disabled={isBusy}>
            Apply
          </button>
          {refusal?.status === 409 && (
            <button type="button" disabled={isBusy} onClick={() => void again()}>
              Compare again
            </button>
          )}
          <button type="button" onClick={onClose}>
            Leave it
          </button>
        </p>
      </form>
    </Dialog>
  )
}
