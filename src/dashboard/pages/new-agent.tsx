import { useCallback, useState } from 'preact/hooks'
import { at, call, get, problemOf, type Problem } from '../data/api.ts'
import { useLoaded } from '../data/loaded.ts'
import { Editor, seen } from '../config/editor.tsx'
import { withAt } from '../config/draft.ts'
import { useVerdict } from '../config/verdict.ts'
import { Failure } from '../parts/failure.tsx'
import { notify } from '../parts/notices.tsx'
import { go, linkTo } from '../router.ts'
import type { PageProps } from './page.ts'

/** It begins with a name, a kind for its source and one for a target. */
const blank = { name: '', source: {}, targets: [{}] }
const open = ['/source', '/targets', '/targets/0']

export function NewAgent({ query }: PageProps): preact.JSX.Element {
  const from = query.get('from') ?? undefined
  const { value, problem, reload } = useLoaded(`new/${from ?? ''}`, async (signal) =>
    from === undefined ? blank : withAt(await get<unknown>(`/config${at(from)}`, signal), ['name'], ''),
  )
  return (
    <section class="config new">
      <h1 class="headline">{from === undefined ? 'New agent' : `New agent, a copy of ${from}`}</h1>
      {problem && !value && <Failure error={problem} retry={reload} />}
      {value !== undefined && <Begun key={from} first={value} />}
    </section>
  )
}

function Begun({ first }: { first: unknown }): preact.JSX.Element {
  const [draft, setDraft] = useState(first)
  const [view, setView] = useState<'form' | 'text'>('form')
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set())
  const [textFault, setTextFault] = useState<string>()
  const [failure, setFailure] = useState<Problem>()
  const [isBusy, setBusy] = useState(false)
  const { verdict, isStale, problem } = useVerdict(draft, undefined)
  const touch = useCallback(
    (pointer: string) => setTouched((was) => (was.has(pointer) ? was : new Set([...was, pointer]))),
    [],
  )
  const taken = verdict?.etag === undefined ? [] : [{ pointer: '/name', message: 'is the name of another agent' }]
  const faults = [...taken, ...(verdict?.errors ?? [])]
  const isReady = verdict?.valid === true && !isStale && taken.length === 0 && textFault === undefined
  const create = async (): Promise<void> => {
    // From now on everything is said that is wrong.
    touch('')
    if (!isReady) return
    setBusy(true)
    setFailure(undefined)
    try {
      const { body } = await call<{ name: string }>('/config', { method: 'POST', body: draft })
      notify(`${body.name} is created`)
      go(linkTo(['agents', body.name]))
    } catch (error) {
      setFailure(problemOf(error))
      setBusy(false)
    }
  }
  return (
    <>
      <div class="config-bar">
        <fieldset class="chips">
          <legend class="unseen">View</legend>
          <button
            type="button"
            aria-pressed={view === 'form'}
            disabled={textFault !== undefined}
            onClick={() => setView('form')}
          >
            Form
          </button>
          <button type="button" aria-pressed={view === 'text'} onClick={() => setView('text')}>
            JSON
          </button>
        </fieldset>
        <span class="standing" role="status">
          {isStale ? 'checking…' : isReady ? 'can be created' : 'not complete yet'}
        </span>
        <span class="verbs">
          <button type="button" class="primary" disabled={isBusy} onClick={() => void create()}>
            Create
          </button>
        </span>
      </div>
      {failure && <Failure error={failure} />}
      <Editor
        {...{ draft, edit: setDraft, problem, view, open, touch, isNew: true, fixed: [], onText: setTextFault }}
        faults={view === 'text' ? faults : seen(faults, touched)}
        warnings={verdict?.warnings ?? []}
      />
    </>
  )
}
