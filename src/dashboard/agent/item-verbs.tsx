import { useState } from 'preact/hooks'
import { at, call, post, withQuery } from '../data/api.ts'
import { Confirm } from '../parts/dialog.tsx'

type Verb = 'skip' | 'move' | 'remove'

/** What can be decided about one item that is not being delivered. */
export function ItemVerbs(props: { agent: string; queue: string; item: string; small?: boolean }): preact.JSX.Element {
  const { agent, queue, item } = props
  const [open, setOpen] = useState<Verb>()
  const isError = queue.startsWith('error-')
  const other = isError ? queue.slice('error-'.length) : `error-${queue}`
  const path = at('agent', agent, 'queues', queue, 'items', item)
  const close = (): void => setOpen(undefined)
  return (
    <>
      {!isError && (
        <button type="button" onClick={() => setOpen('skip')}>
          Skip…
        </button>
      )}
      <button type="button" onClick={() => setOpen('move')}>
        {isError ? 'Move back…' : 'Move aside…'}
      </button>
      {props.small && (
        <button type="button" class="danger" onClick={() => setOpen('remove')}>
          Remove…
        </button>
      )}
      {open === 'skip' && (
        <Confirm
          title="Skip this item?"
          verb="Skip"
          reason="needed"
          act={(reason) => post(`${path}/skip`, { reason })}
          onClose={close}
        >
          <p>
            It is not delivered, later ones go on, and the target counts as diverged until a comparison shows it equal.
          </p>
        </Confirm>
      )}
      {open === 'move' && (
        <Confirm
          title={`Move this item to ${other}?`}
          verb="Move"
          reason="welcome"
          act={(reason) => post(`${path}/move`, { to: other, ...(reason && { reason }) })}
          onClose={close}
        >
          <p>
            It goes to the end of that queue, with its tries at 0.{' '}
            {isError ? 'It is delivered after what waits there now.' : 'Later items then overtake it.'}
          </p>
        </Confirm>
      )}
      {open === 'remove' && (
        <Confirm
          title="Remove this item?"
          verb="Remove"
          reason="welcome"
          act={(reason) => call(withQuery(path, { reason }), { method: 'DELETE' })}
          onClose={close}
        >
          <p>It is not delivered to this target; the history keeps it as cancelled.</p>
        </Confirm>
      )}
    </>
  )
}
