import { useState } from 'preact/hooks'
import { at, call, get, withQuery } from '../data/api.ts'
import { useListed } from '../data/listed.ts'
import { useLoaded } from '../data/loaded.ts'
import { counted } from '../parts/amount.ts'
import { Failure } from '../parts/failure.tsx'
import { More } from '../parts/more.tsx'
import { notify } from '../parts/notices.tsx'
import { Ago, Clock } from '../parts/time.tsx'
import { Changes } from './changes.tsx'
import { Decide } from './decide.tsx'
import type { ConfigChange } from './verdict.ts'

interface Revision {
  readonly number: number
  readonly at: string
  readonly actor: string
  readonly action: 'created' | 'updated' | 'restored' | 'deleted'
  readonly restored?: number
  readonly changes: readonly ConfigChange[]
}

interface WholeRevision extends Revision {
  readonly restoring?: readonly ConfigChange[]
  readonly etag?: string
}

/** Every write of the config, newest first, each to be looked at and taken back. */
export function Revisions({ name }: { name: string }): preact.JSX.Element {
  const revisions = useListed<Revision>(
    `/config${at(name)}/revisions`,
    {},
    ({ type, agent }) => type === 'config.changed' && agent === name,
    20,
  )
  const [chosen, setChosen] = useState<number>()
  const newest = revisions.items[0]?.number
  return (
    <>
      <ol class="revisions" aria-label="Revisions, newest first">
        {revisions.items.map((revision) => (
          <li key={revision.number} data-revision={revision.number}>
            <details>
              <summary>
                <b>{revision.number}</b> {revision.action}
                {revision.restored !== undefined && ` from ${revision.restored}`} by {revision.actor}{' '}
                <Ago at={revision.at} />{' '}
                <small>{revision.changes.length === 0 ? 'nothing changed' : places(revision.changes)}</small>
              </summary>
              <p>
                <Clock at={revision.at} />
              </p>
              <Changes of={revision.changes} />
              {revision.number !== newest && revision.action !== 'deleted' && (
                <button type="button" onClick={() => setChosen(revision.number)}>
                  Compare with now, restore…
                </button>
              )}
            </details>
          </li>
        ))}
      </ol>
      <More of={revisions} none="There is no revision." />
      {chosen !== undefined && <Restore name={name} number={chosen} onClose={() => setChosen(undefined)} />}
    </>
  )
}

function places(changes: readonly ConfigChange[]): string {
  const [first] = changes
  if (changes.length === 1 && first) return first.pointer || 'the whole config'
  return counted(changes.length, 'change')
}

function Restore({ name, number, onClose }: { name: string; number: number; onClose: () => void }): preact.JSX.Element {
  const path = `/config${at(name)}/revisions/${number}`
  const { value, problem, reload } = useLoaded(
    path,
    (signal) => get<WholeRevision>(path, signal),
    ({ type, agent }) => type === 'config.changed' && agent === name,
  )
  const changes = value?.restoring
  return (
    <Decide
      title={`Revision ${number} of ${name}`}
      verb="Restore"
      isReady={changes !== undefined && changes.length > 0}
      act={async (force) => {
        await call(withQuery(`${path}/restore`, { force: force || undefined }), {
          method: 'POST',
          ...(value?.etag !== undefined && { headers: { 'If-Match': value.etag } }),
        })
        notify(`${name} is as it was in revision ${number}`)
      }}
      stale={{ verb: 'Read again', act: reload }}
      onClose={onClose}
    >
      {problem && <Failure error={problem} retry={reload} />}
      <p>What restoring it changes, its secrets of then included:</p>
      {changes ? <Changes of={changes} before="Now" after={`Revision ${number}`} /> : <p class="starting">Reading…</p>}
    </Decide>
  )
}
