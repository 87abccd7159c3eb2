import { useCallback, useMemo, useState } from 'preact/hooks'
import { call, problemOf, type Fault, type Problem } from '../data/api.ts'
import { useLoaded } from '../data/loaded.ts'
import { counted } from '../parts/amount.ts'
import { Failure } from '../parts/failure.tsx'
import { idOf, isWithin } from './context.ts'
import { pointerOf, wayOf, withAt, type Edit, type Way } from './draft.ts'
import { around, Form } from './form.tsx'
import type { Schema } from './schema.ts'
import { Text } from './text.tsx'

interface Described {
  readonly components: { readonly schemas: { readonly AgentConfigInput: Schema } }
}

let reading: Promise<Schema> | undefined

/** What configs look like, in the server's own description of itself; it is read once. */
function readSchema(): Promise<Schema> {
  reading ??= call<Described>('/openapi.json', { below: '' }).then(
    ({ body }) => body.components.schemas.AgentConfigInput,
  )
  return reading.catch((error: unknown) => {
    reading = undefined
    throw error
  })
}

/** A draft, as a form and as text; what is wrong with it above, and at its fields. */
export function Editor(props: {
  draft: unknown
  edit: Edit
  faults: readonly Fault[]
  warnings: readonly Fault[]
  problem: Problem | undefined
  isNew: boolean
  fixed: readonly string[]
  view: 'form' | 'text'
  /** Groups that are open at first. */
  open: readonly string[]
  touch: (pointer: string) => void
  /** What is no JSON cannot be saved. */
  onText: (fault: string | undefined) => void
}): preact.JSX.Element {
  const { draft, faults, warnings, view, isNew, fixed, edit, touch } = props
  const schema = useLoaded('schema', readSchema)
  const [opened, setOpened] = useState<ReadonlySet<string>>(() => new Set(props.open))
  const open = useCallback((pointer: string, isOpen: boolean) => {
    setOpened((was) => new Set(isOpen ? [...was, pointer] : [...was].filter((one) => one !== pointer)))
  }, [])
  const editAt = useCallback(
    (way: Way, value: unknown) => {
      edit((was) => withAt(was, way, value))
      touch(pointerOf(way))
    },
    [edit, touch],
  )
  const touchAt = useCallback((way: Way) => touch(pointerOf(way)), [touch])
  const fixedNow = useMemo(() => fixed, [fixed.join()])
  const lead = (pointer: string): void => {
    const way = wayOf(pointer)
    setOpened((was) => new Set([...was, ...around(way)]))
    // Once what it stands in is open.
    setTimeout(() => focusNearest(way), 50)
  }
  return (
    <>
      {props.problem && <Failure error={props.problem} />}
      <Found what="fault" of={faults} lead={view === 'form' ? lead : undefined} />
      <Found what="warning" of={warnings} lead={view === 'form' ? lead : undefined} />
      {view === 'text' ? (
        <Text draft={draft} faults={faults.length} edit={edit} onFault={props.onText} />
      ) : schema.value ? (
        <Form
          {...{ schema: schema.value, value: draft, faults, isNew, opened, open }}
          fixed={fixedNow}
          edit={editAt}
          touch={touchAt}
        />
      ) : schema.problem ? (
        <Failure error={problemOf(schema.problem)} retry={schema.reload} />
      ) : (
        <p class="starting">Reading…</p>
      )}
    </>
  )
}

/** The field itself, or the nearest thing around it. */
function focusNearest(way: Way): void {
  for (let n = way.length; n > 0; n--) {
    const id = idOf(way.slice(0, n))
    const found =
      document.getElementById(id) ??
      document.querySelector<HTMLElement>(
        `[data-pointer="${CSS.escape(pointerOf(way.slice(0, n)))}"] :is(input, select, textarea)`,
      )
    if (found === null) continue
    found.focus()
    return
  }
}

/** All of them in one place, each leading to its field. */
function Found(props: {
  what: 'fault' | 'warning'
  of: readonly Fault[]
  lead: ((pointer: string) => void) | undefined
}): preact.JSX.Element {
  const { what, of, lead } = props
  return (
    <div class={`found ${what === 'fault' ? 'bad' : 'warn'}`} role="status" data-found={what}>
      {of.length > 0 && (
        <>
          <b>{counted(of.length, what)}</b>
          <ul>
            {of.map(({ pointer, message }) => (
              <li key={pointer + message}>
                {lead ? (
                  <button type="button" class="link" onClick={() => lead(pointer)}>
                    {pointer || 'the config'}
                  </button>
                ) : (
                  <code>{pointer || 'the config'}</code>
                )}{' '}
                {message}
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  )
}

/** Of what is still being filled in for the first time, only where somebody has been. */
export function seen(faults: readonly Fault[], touched: ReadonlySet<string>): readonly Fault[] {
  return faults.filter(({ pointer }) => [...touched].some((one) => isWithin(one, pointer) || one === ''))
}
