import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { Failure } from './failure.tsx'
import { useTrying } from './trying.ts'

/** The browser's own: it holds the keyboard, closes with Escape, and gives the focus back. */
export function Dialog(props: {
  title: string
  onClose: () => void
  children: ComponentChildren
  wide?: boolean
}): preact.JSX.Element {
  const ref = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    ref.current?.showModal()
  }, [])
  return (
    <dialog ref={ref} class={props.wide ? 'wide' : undefined} aria-labelledby="dialog-title" onClose={props.onClose}>
      <h2 id="dialog-title">{props.title}</h2>
      {props.children}
    </dialog>
  )
}

export interface ConfirmProps {
  title: string
  /** What pressing the button does. */
  verb: string
  children?: ComponentChildren
  reason?: 'needed' | 'welcome'
  /** It stays open with what was thrown. */
  act: (reason: string | undefined) => Promise<unknown>
  onClose: () => void
}

/** Asks before something that cannot be taken back, and why, where that is kept. */
export function Confirm(props: ConfirmProps): preact.JSX.Element {
  const [reason, setReason] = useState('')
  const { problem, isBusy, attempt } = useTrying()
  const submit = (event: Event): void => {
    event.preventDefault()
    void attempt(async () => {
      await props.act(reason.trim() || undefined)
      props.onClose()
    })
  }
  return (
    <Dialog title={props.title} onClose={props.onClose}>
      <form onSubmit={submit}>
        {props.children}
        {props.reason && (
          <label>
            {props.reason === 'needed'
              ? 'Reason (kept in the history)'
              : 'Reason (may be left out; kept in the history)'}
            <input
              value={reason}
              onInput={(event) => setReason(event.currentTarget.value)}
              required={props.reason === 'needed'}
              maxLength={1000}
            />
          </label>
        )}
        {problem && <Failure error={problem} />}
        <p class="verbs">
          <button type="submit" class="primary" disabled={isBusy}>
            {props.verb}
          </button>
          <button type="button" onClick={props.onClose}>
            Leave it
          </button>
        </p>
      </form>
    </Dialog>
  )
}
