import { useState } from 'preact/hooks'
import { at, call, post } from '../data/api.ts'
import type { Command, CommandAgent } from '../data/views.ts'
import { Confirm } from '../parts/dialog.tsx'
import { Select } from '../parts/select.tsx'
import { Verb } from '../parts/verb.tsx'
import { go, linkTo } from '../router.ts'

/** What can be done about a command as it stands. */
export function CommandVerbs({ command }: { command: Command }): preact.JSX.Element {
  const path = at('commands', command.id)
  const ask = (verb: string) => (reason: string | undefined) => post(`${path}/${verb}`, reason && { reason })
  return (
    <div class="verbs">
      <Verb
        label="Approve…"
        class="primary"
        isOffered={command.approval?.state === 'needed'}
        title="Approve this command?"
        verb="Approve"
        reason="welcome"
        act={ask('approve')}
      />
      <Verb
        label="Retry what failed…"
        class="primary"
        isOffered={command.state === 'failed' || command.state === 'partial'}
        title="Queue again what failed?"
        verb="Retry"
        reason="welcome"
        act={ask('retry')}
      >
        <p>What was delivered is left alone.</p>
      </Verb>
      <Verb
        label="Cancel…"
        isOffered={command.finishedAt === undefined}
        title="Cancel this command?"
        verb="Cancel it"
        reason="welcome"
        act={ask('cancel')}
      >
        <p>What is not yet being delivered is taken out of the queues.</p>
      </Verb>
      <Revert path={path} targets={command.action === 'test' ? [] : pairsOf(command.agents)} />
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

function Revert(props: { path: string; targets: readonly Pair[] }): preact.JSX.Element {
  const [isAsked, setAsked] = useState(false)
  return (
    <>
      {props.targets.length > 0 && (
        <button type="button" onClick={() => setAsked(true)}>
          Revert…
        </button>
      )}
      {isAsked && <ConfirmRevert {...props} onClose={() => setAsked(false)} />}
    </>
  )
}

/** One looks before one undoes: reverting makes a comparison, which is then applied. */
function ConfirmRevert(props: { path: string; targets: readonly Pair[]; onClose: () => void }): preact.JSX.Element {
  const { path, targets, onClose } = props
  const words = targets.map(({ agent, target }) => `${agent} → ${target}`)
  const [picked, setPicked] = useState(words[0] ?? '')
  const act = async (): Promise<void> => {
    const body = targets[words.indexOf(picked)]
    const { location } = await call<unknown>(`${path}/revert`, { method: 'POST', body })
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
