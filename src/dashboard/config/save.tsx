import { at, call, withQuery, type Fault } from '../data/api.ts'
import { Changes } from './changes.tsx'
import { Decide } from './decide.tsx'
import type { ConfigChange } from './verdict.ts'

/** The difference to what is stored, before it is. */
export function Save(props: {
  name: string
  config: unknown
  changes: readonly ConfigChange[]
  warnings: readonly Fault[]
  /** Of what the draft was made from. */
  etag: string
  /** Takes in what somebody else has stored meanwhile. */
  again: () => void
  onSaved: () => void
  onClose: () => void
}): preact.JSX.Element {
  const { name, config, changes, warnings, etag, again, onSaved, onClose } = props
  return (
    <Decide
      title={`Save the config of ${name}`}
      verb="Save"
      act={async (force) => {
        await call(withQuery(`/config${at(name)}`, { force: force || undefined }), {
          method: 'PUT',
          body: config,
          headers: { 'If-Match': etag },
        })
        onSaved()
      }}
      stale={{
        verb: 'Read it again, my draft is kept',
        act: () => {
          again()
          onClose()
        },
      }}
      onClose={onClose}
    >
      <Changes of={changes} before="Stored" after="Draft" />
      {warnings.length > 0 && (
        <ul class="found warn">
          {warnings.map(({ pointer, message }) => (
            <li key={pointer + message}>
              <code>{pointer}</code> {message}
            </li>
          ))}
        </ul>
      )}
    </Decide>
  )
}
