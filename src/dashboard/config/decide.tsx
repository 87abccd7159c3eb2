import type { ComponentChildren } from 'preact'
import { Dialog } from '../parts/dialog.tsx'
import { Failure } from '../parts/failure.tsx'
import { useTrying } from '../parts/trying.ts'

/** Asks before a write. Where the server refuses it for what still waits in queues, that can be dropped: then, and not before. */
export function Decide(props: {
  title: string
  verb: string
  /** What it is about: it may be long, and scrolls. */
  children: ComponentChildren
  /** What is to be filled in. */
  confirm?: ComponentChildren
  isDangerous?: boolean
  isReady?: boolean
  act: (force: boolean) => Promise<void>
  /** Somebody else was faster. */
  stale?: { readonly verb: string; readonly act: () => void }
  onClose: () => void
}): preact.JSX.Element {
  const { verb, isReady = true, act, stale, onClose } = props
  const { problem, isBusy, attempt } = useTrying()
  const go = (force: boolean): Promise<void> =>
    attempt(async () => {
      await act(force)
      onClose()
    })
  const isRefused = problem?.status === 409
  return (
    <Dialog title={props.title} onClose={onClose} wide>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void go(false)
        }}
      >
        <div class="scroll" tabIndex={0} role="region" aria-label={props.title}>
          {props.children}
        </div>
        {props.confirm}
        {problem && <Failure error={problem} />}
        {isRefused && (
          <p>
            <b>{verb} and drop the items</b> removes these queues and everything that waits in them. It is not delivered
            there, and cannot be brought back.
          </p>
        )}
        <p class="verbs">
          <button type="submit" class={props.isDangerous ? 'danger' : 'primary'} disabled={isBusy || !isReady}>
            {isRefused ? `Try again to ${verb.toLowerCase()}` : verb}
          </button>
          {isRefused && (
            <button type="button" class="danger" disabled={isBusy || !isReady} onClick={() => void go(true)}>
              {verb} and drop the items
            </button>
          )}
          {problem?.status === 412 && stale && (
            <button type="button" onClick={stale.act}>
              {stale.verb}
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
