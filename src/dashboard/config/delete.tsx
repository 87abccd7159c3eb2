import { useState } from 'preact/hooks'
import { at, call, withQuery } from '../data/api.ts'
import { notify } from '../parts/notices.tsx'
import { go, linkTo } from '../router.ts'
import { Decide } from './decide.tsx'

export function Delete(props: {
  name: string
  etag: string
  reload: () => void
  onDeleted: () => void
  onClose: () => void
}): preact.JSX.Element {
  const { name, etag, reload, onDeleted, onClose } = props
  const [typed, setTyped] = useState('')
  return (
    <Decide
      title={`Delete ${name}`}
      verb="Delete"
      isDangerous
      isReady={typed === name}
      act={async (force) => {
        await call(withQuery(`/config${at(name)}`, { force: force || undefined }), {
          method: 'DELETE',
          headers: { 'If-Match': etag },
        })
        notify(`${name} is deleted`)
        onDeleted()
        go(linkTo([]))
      }}
      stale={{ verb: 'Read again', act: reload }}
      onClose={onClose}
      confirm={
        <label>
          <span>
            Its name, <code>{name}</code>, to confirm
          </span>
          <input
            value={typed}
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        </label>
      }
    >
      <p>The agent and its queues go. Its revisions stay, so that it can be restored over the API.</p>
    </Decide>
  )
}
