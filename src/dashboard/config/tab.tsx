import { useCallback, useEffect, useState } from 'preact/hooks'
import { at, call } from '../data/api.ts'
import { useLoaded } from '../data/loaded.ts'
import { counted } from '../parts/amount.ts'
import { Failure } from '../parts/failure.tsx'
import { notify } from '../parts/notices.tsx'
import { linkTo } from '../router.ts'
import { Delete } from './delete.tsx'
import { isSame, rebased, type Edit } from './draft.ts'
import { Editor } from './editor.tsx'
import { Revisions } from './revisions.tsx'
import { Save } from './save.tsx'
import { useVerdict } from './verdict.ts'

interface Stored {
  readonly config: unknown
  readonly etag: string
}

interface Draft {
  /** What it was made from. */
  readonly base: Stored
  readonly config: unknown
}

/** What is not saved yet stays while one looks at something else. */
const drafts = new Map<string, Draft>()

/** The config of an agent: to be changed, looked back at, deleted. */
export function ConfigTab({ name }: { name: string }): preact.JSX.Element {
  const { value, problem, reload } = useLoaded(
    `config/${name}`,
    async (signal): Promise<Stored> => {
      const { body, etag = '' } = await call<unknown>(`/config${at(name)}`, { signal })
      return { config: body, etag }
    },
    ({ type, agent }) => type === 'config.changed' && agent === name,
  )
  if (value) return <Opened key={name} name={name} stored={value} reload={reload} />
  return problem ? <Failure error={problem} retry={reload} /> : <p class="starting">Reading…</p>
}

type View = 'form' | 'text' | 'revisions'

const views = [
  ['form', 'Form'],
  ['text', 'JSON'],
  ['revisions', 'Revisions'],
] as const

const open = ['/source', '/targets']
const fixed = ['/name']

function Opened(props: { name: string; stored: Stored; reload: () => void }): preact.JSX.Element {
  const { name, stored, reload } = props
  const { draft, edit, isEdited, isBehind, rebase, discard } = useDraft(name, stored)
  const { verdict, isStale, problem } = useVerdict(draft.config, stored.etag)
  const [view, setView] = useState<View>('form')
  const [textFault, setTextFault] = useState<string>()
  const [asked, ask] = useState<'save' | 'delete'>()
  const changes = isEdited ? (verdict?.changes ?? []) : []
  const isReady = isEdited && !isStale && verdict?.valid === true && changes.length > 0 && textFault === undefined
  return (
    <section class="config" aria-label={`Config of ${name}`}>
      <div class="config-bar">
        <fieldset class="chips">
          <legend class="unseen">View</legend>
          {views.map(([one, title]) => (
            <button
              key={one}
              type="button"
              aria-pressed={view === one}
              disabled={textFault !== undefined && one !== 'text'}
              onClick={() => setView(one)}
            >
              {title}
            </button>
          ))}
        </fieldset>
        <span class="standing" role="status" data-standing={standing()}>
          {standing()}
        </span>
        <span class="verbs">
          <button type="button" class="primary" disabled={!isReady || isBehind} onClick={() => ask('save')}>
            Review and save…
          </button>
          {isEdited && (
            <button type="button" onClick={discard}>
              Discard
            </button>
          )}
          <a class="button" href={linkTo(['new'], { from: name })}>
            Copy
          </a>
          <button type="button" class="danger" onClick={() => ask('delete')}>
            Delete…
          </button>
        </span>
      </div>
      {isBehind && (
        <div class="failure" role="alert">
          <p>Somebody else has changed this config since you began. Nothing of yours is lost.</p>
          <p class="verbs">
            <button type="button" onClick={rebase}>
              Read it again, keep my changes
            </button>
          </p>
        </div>
      )}
      {view === 'revisions' ? (
        <Revisions name={name} />
      ) : (
        <Editor
          {...{ draft: draft.config, edit, problem, fixed, open, view, touch, isNew: false, onText: setTextFault }}
          faults={verdict?.errors ?? []}
          warnings={verdict?.warnings ?? []}
        />
      )}
      {asked === 'save' && (
        <Save
          {...{ name, changes, config: draft.config, etag: draft.base.etag }}
          again={isBehind ? rebase : reload}
          warnings={verdict?.warnings ?? []}
          onSaved={() => {
            drafts.delete(name)
            notify(`The config of ${name} is saved`)
            discard()
            reload()
          }}
          onClose={() => ask(undefined)}
        />
      )}
      {asked === 'delete' && (
        <Delete name={name} etag={stored.etag} reload={reload} onDeleted={discard} onClose={() => ask(undefined)} />
      )}
    </section>
  )

  function standing(): string {
    if (textFault !== undefined) return 'no JSON'
    if (!isEdited) return 'as stored'
    if (isStale) return 'checking…'
    if (verdict?.valid === false) return counted(verdict.errors.length, 'fault')
    return changes.length === 0 ? 'no difference' : `${counted(changes.length, 'change')}, not saved`
  }
}

/** Nothing is hidden of what is stored already. */
function touch(): void {}

function useDraft(name: string, stored: Stored) {
  const [kept, setKept] = useState<Draft | undefined>(() => drafts.get(name))
  const draft = kept ?? { base: stored, config: stored.config }
  const isEdited = kept !== undefined && !isSame(kept.config, kept.base.config)
  const isBehind = isEdited && kept.base.etag !== stored.etag
  const edit = useCallback<Edit>(
    (change) =>
      setKept((was) => {
        const { base, config } = was ?? { base: stored, config: stored.config }
        return { base, config: change(config) }
      }),
    [stored],
  )
  useEffect(() => {
    if (isEdited && kept) drafts.set(name, kept)
    else drafts.delete(name)
    // What somebody else has stored is shown at once where there is nothing to lose.
    if (kept && !isEdited && kept.base.etag !== stored.etag) setKept(undefined)
  }, [kept, stored, isEdited])
  useEffect(() => {
    if (!isEdited) return undefined
    const hold = (event: BeforeUnloadEvent): void => event.preventDefault()
    addEventListener('beforeunload', hold)
    return () => removeEventListener('beforeunload', hold)
  }, [isEdited])
  return {
    ...{ draft, edit, isEdited, isBehind },
    discard: () => setKept(undefined),
    rebase: () =>
      setKept((was) => was && { base: stored, config: rebased(was.base.config, was.config, stored.config) }),
  }
}
