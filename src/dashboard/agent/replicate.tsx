import { useState } from 'preact/hooks'
import { configOf } from '../data/agents.ts'
import { at, post } from '../data/api.ts'
import { Confirm } from '../parts/dialog.tsx'
import { notify } from '../parts/notices.tsx'
import { Select } from '../parts/select.tsx'
import { go, linkTo } from '../router.ts'

const actions = ['add', 'delete', 'test'] as const

/** Asks what is to be sent, sends it, and goes where one sees it arrive. */
export function Replicate({ agent, onClose }: { agent: string; onClose: () => void }): preact.JSX.Element {
  const [paths, setPaths] = useState((configOf(agent)?.roots ?? ['/']).join('\n'))
  const [action, setAction] = useState<string>('add')
  const [mode, setMode] = useState('update')
  const [deep, setDeep] = useState(true)
  const [full, setFull] = useState(false)
  const [verify, setVerify] = useState(false)
  const act = async (): Promise<void> => {
    const body = {
      ...{ action, deep, paths: paths.split('\n').flatMap((line) => line.trim() || []) },
      ...(action === 'add' && { mode, ...(full && { full }), ...(verify && { verify }) }),
    }
    const { id } = await post<{ id: string }>(`/agent${at(agent)}/replicate`, body)
    notify('The command is accepted.')
    go(linkTo(['commands', id]))
  }
  return (
    <Confirm title={`Replicate with ${agent}`} verb="Replicate" act={act} onClose={onClose}>
      <label>
        Paths, one a line
        <textarea rows={4} required value={paths} onInput={(event) => setPaths(event.currentTarget.value)} />
      </label>
      <Select label="Action" value={action} options={actions} onPick={setAction} />
      {action === 'add' && <Select label="Mode" value={mode} options={['update', 'mirror']} onPick={setMode} />}
      {action === 'add' && mode === 'mirror' && (
        <p class="hint">What the target has at these paths and the source does not is removed, within the guard.</p>
      )}
      <label class="tick">
        <input type="checkbox" checked={deep} onChange={(event) => setDeep(event.currentTarget.checked)} />
        with everything below
      </label>
      {action === 'add' && (
        <>
          <label class="tick">
            <input type="checkbox" checked={full} onChange={(event) => setFull(event.currentTarget.checked)} />
            send all, also what the targets are known to hold
          </label>
          <label class="tick">
            <input type="checkbox" checked={verify} onChange={(event) => setVerify(event.currentTarget.checked)} />
            read all anew, whatever is remembered of it
          </label>
        </>
      )}
    </Confirm>
  )
}
