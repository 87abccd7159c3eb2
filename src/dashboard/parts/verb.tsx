import { useState } from 'preact/hooks'
import { Confirm, type ConfirmProps } from './dialog.tsx'

/** A button that asks before it does something. */
export function Verb(
  props: Omit<ConfirmProps, 'onClose'> & {
    label: string
    class?: string
    /** Whether there is a button; whoever has been asked already is not interrupted when there no longer is. */
    isOffered?: boolean
  },
): preact.JSX.Element {
  const { label, class: look, isOffered = true, ...asked } = props
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      {isOffered && (
        <button type="button" class={look} onClick={() => setOpen(true)}>
          {label}
        </button>
      )}
      {isOpen && <Confirm {...asked} onClose={() => setOpen(false)} />}
    </>
  )
}
