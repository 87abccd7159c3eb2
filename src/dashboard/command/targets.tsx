import type { Target } from '../data/views.ts'
import { bytes, count } from '../parts/amount.ts'
import { State } from '../parts/state.tsx'
import { Rows } from '../parts/rows.tsx'
import { Clock, duration, Since, Until } from '../parts/time.tsx'
import { linkTo } from '../router.ts'
import { ProgressBar } from './progress.tsx'

export function Targets({ of, agent }: { of: readonly Target[]; agent: string }): preact.JSX.Element | null {
  if (of.length === 0) return null
  return (
    <Rows caption={`Targets of ${agent}`} heads={['State', 'Target', 'How far', 'Tries', 'Receipt']}>
      {of.map((target) => (
        <tr key={target.target}>
          <td data-label="State">
            <State of={target.state} />
          </td>
          <td data-label="Target">
            <a href={linkTo(['agents', agent, 'queues'])}>{target.target}</a>
          </td>
          <td data-label="How far">
            <HowFar of={target} />
          </td>
          <td data-label="Tries">
            {count(target.attempts)}
            {target.nextAttemptAt && (
              <small>
                {' '}
                next <Until at={target.nextAttemptAt} />
              </small>
            )}
          </td>
          <td data-label="Receipt">{target.receipt ? <Clock at={target.receipt.appliedAt} /> : <small>none</small>}</td>
        </tr>
      ))}
    </Rows>
  )
}

function HowFar({ of }: { of: Target }): preact.JSX.Element {
  const { startedAt, finishedAt } = of
  return (
    <>
      {of.state === 'delivering' && of.progress ? (
        <ProgressBar of={of.progress} label={`Delivery to ${of.target}`} />
      ) : (
        <p>
          {count(of.entries)} entries, {bytes(of.bytes)}
          {startedAt && finishedAt && `, in ${duration(Date.parse(finishedAt) - Date.parse(startedAt))}`}
          {of.state === 'delivering' && startedAt && (
            <>
              , for <Since at={startedAt} />
            </>
          )}
        </p>
      )}
      {of.applied && of.state !== 'delivering' && (
        <p>{of.applied.parts === 1 ? 'One part' : `${count(of.applied.parts)} parts`} of it applied</p>
      )}
      {of.brought && of.state !== 'delivering' && (
        <p>
          {of.brought.parts === 1 ? 'One part' : `${count(of.brought.parts)} parts`} of it sent, and not applied yet
        </p>
      )}
      {of.error && of.state !== 'delivered' && (
        <p class="fault">
          {of.error.code}: {of.error.detail}
        </p>
      )}
      {of.decisions?.map(({ verb, actor, reason, at }) => (
        <p key={at}>
          <small>
            {verb} by {actor} <Clock at={at} />
            {reason && `: ${reason}`}
          </small>
        </p>
      ))}
    </>
  )
}
