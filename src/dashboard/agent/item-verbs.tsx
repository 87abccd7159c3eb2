import { at, call, post, withQuery } from '../data/api.ts'
import { Verb } from '../parts/verb.tsx'

/** What can be decided about one item that is not being delivered. */
export function ItemVerbs(props: { agent: string; queue: string; item: string; small?: boolean }): preact.JSX.Element {
  const { agent, queue, item } = props
  const isError = queue.startsWith('error-')
  const other = isError ? queue.slice('error-'.length) : `error-${queue}`
  const path = at('agent', agent, 'queues', queue, 'items', item)
  return (
    <>
      <Verb
        label="Skip…"
        isOffered={!isError}
        title="Skip this item?"
        verb="Skip"
        reason="needed"
        act={(reason) => post(`${path}/skip`, { reason })}
      >
        <p>
          It is not delivered, later ones go on, and the target counts as diverged until a comparison shows it equal.
        </p>
      </Verb>
      <Verb
        label={isError ? 'Move back…' : 'Move aside…'}
        title={`Move this item to ${other}?`}
        verb="Move"
        reason="welcome"
        act={(reason) => post(`${path}/move`, { to: other, ...(reason && { reason }) })}
      >
        <p>
          It goes to the end of that queue, with its tries at 0.{' '}
          {isError ? 'It is delivered after what waits there now.' : 'Later items then overtake it.'}
        </p>
      </Verb>
      <Verb
        label="Remove…"
        class="danger"
        isOffered={props.small === true}
        title="Remove this item?"
        verb="Remove"
        reason="welcome"
        act={(reason) => call(withQuery(path, { reason }), { method: 'DELETE' })}
      >
        <p>It is not delivered to this target; the history keeps it as cancelled.</p>
      </Verb>
    </>
  )
}
