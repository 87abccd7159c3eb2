import { useEffect, useState } from 'preact/hooks'
import { isSame, type Edit } from './draft.ts'
import { isObject } from './schema.ts'

/** The draft as JSON. What is typed becomes the draft as soon as it can be read. */
export function Text(props: {
  draft: unknown
  faults: number
  edit: Edit
  onFault: (fault: string | undefined) => void
}): preact.JSX.Element {
  const { draft, edit, onFault } = props
  const [text, setText] = useState(() => JSON.stringify(draft, undefined, 2))
  const read = parsed(text)
  useEffect(() => {
    // Changed from elsewhere, as by discarding it.
    if ('value' in read && !isSame(read.value, draft)) setText(JSON.stringify(draft, undefined, 2))
  }, [draft])
  useEffect(() => () => onFault(undefined), [])
  const fault = 'fault' in read ? read.fault : undefined
  return (
    <div class="as-text">
      <label for="config-text">The config as JSON</label>
      <textarea
        id="config-text"
        rows={30}
        spellcheck={false}
        value={text}
        aria-invalid={fault !== undefined || props.faults > 0}
        aria-describedby={fault === undefined ? undefined : 'config-text-fault'}
        onInput={(event) => {
          const typed = event.currentTarget.value
          setText(typed)
          const now = parsed(typed)
          onFault('fault' in now ? now.fault : undefined)
          if ('value' in now) edit(() => now.value)
        }}
      />
      {fault !== undefined && (
        <p class="fault" id="config-text-fault" role="status">
          ✕ This cannot be read as JSON: {fault}
        </p>
      )}
    </div>
  )
}

function parsed(text: string): { readonly value: unknown } | { readonly fault: string } {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? { value } : { fault: 'a config is an object' }
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) }
  }
}
