import { useState } from 'preact/hooks'
import { at, call, post } from '../data/api.ts'
import type { Command, CommandAgent } from '../data/views.ts'
import { Confirm } from '../parts/dialog.tsx'
import { Select } from '../parts/select.tsx'
import { go, linkTo } from '../router.ts'

type Verb = 'retry' | 'cancel' | 'revert' | 'approve'

/** What can be done about a command as it stands. */
export function CommandVerbs({ command }: { command: Command }): preact.JSX.Element {
  const [open, setOpen] = useState<Verb>()
  const path = at('commands', command.id)
  const close = (): void => setOpen(undefined)
  const isOver = command.finishedAt !== undefined
  const hasFailed = command.state === 'failed' || command.state === 'partial'
  const written = pairsOf(command.agents)
  return (
    <div class="verbs">
      {command.approval?.state === 'needed' && (
        <button type="button" class="primary" onClick={() => setOpen('approve')}>
          Approve…
        </button>
      )}
      {hasFailed && (
        <button type="button" class="primary" onClick={() => setOpen('retry')}>
          Retry what failed…
        </button>
      )}
      {!isOver && (
        <button type="button" onClick={() => setOpen('cancel')}>
          Cancel…
        </button>
      )}
      {written.length > 0 && command.action !== 'test' && (
        <button type="button" onClick={() => setOpen('revert')}>
          Revert…
        </button>
      )}
      {open === 'retry' && (
        <Confirm
          title="Queue again what failed?"
          verb="Retry"
          reason="welcome"
          act={(reason) => post(`${path}/retry`, reason && { reason })}
          onClose={close}
        >
          <p>What was delivered is left alone.</p>
        </Confirm>
      )}
      {open === 'cancel' && (
        <Confirm
          title="Cancel this command?"
          verb="Cancel it"
          reason="welcome"
          act={(reason) => post(`${path}/cancel`, reason && { reason })}
          onClose={close}
        >
          <p>What is not yet being delivered is taken out of the queues.</p>
        </Confirm>
      )}
      {open === 'approve' && (
        <Confirm
          title="Approve this command?"
          verb="Approve"
          reason="welcome"
          act={(reason) => post(`${path}/approve`, reason && { reason })}
          onClose={close}
        />
      )}
      {open === 'revert' && <Revert path={path} targets={written} onClose={close} />}
    </div>
  )
}

interface Pair {
  readonly agent: string
  readonly target: string
}

/** Whose content may have been changed. */
function pairsOf(agents: readonly CommandAgent[]): Pair[] {
  return agents.flatMap(({ agent, targets }) =>
    targets.filter(({ state }) => state === 'delivered').map(({ target }) => ({ agent, target })),
  )
}

/** One looks before one undoes: reverting makes a comparison, which is then applied. */
function Revert(props: { path: string; targets: readonly Pair[]; onClose: () => void }): preact.JSX.Element {
  const { path, targets, onClose } = props
  const words = targets.map(({ agent, target }) => `${agent} → ${target}`)
  const [picked, setPicked] = useState(words[0] ?? '')
  const act = async (): Promise<void> => {
    const { location } = await call<unknown>(`${path}/revert`, {
      ...{ method: 'POST', body: targets[words.indexOf(picked)] },
    })
    const id = location?.split('/').at(-1)
    if (id !== undefined) go(linkTo(['comparisons', id]))
  }
  return (
    <Confirm title="Undo this command?" verb="Look at what would be undone" act={act} onClose={onClose}>
      <p>What it replaced is compared with what is there now. Nothing is written before you apply that comparison.</p>
      {words.length > 1 && <Select label="At" value={picked} options={words} onPick={setPicked} />}
    </Confirm>
  )
}
