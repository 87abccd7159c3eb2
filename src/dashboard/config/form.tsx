import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Fault } from '../data/api.ts'
import { Choice, Members } from './choice.tsx'
import { FormContext, idOf, useForm, type FieldProps, type FormState } from './context.ts'
import { pointerOf, type Way } from './draft.ts'
import { Leaf } from './leaves.tsx'
import { List, RecordFields } from './lists.tsx'
import { Group } from './parts.tsx'
import { blankOf, isComposite, recordOf, variantsOf, type Schema } from './schema.ts'

/** A form for whatever the schema describes. */
export function Form(props: {
  schema: Schema
  value: unknown
  faults: readonly Fault[]
  isNew: boolean
  fixed: readonly string[]
  opened: ReadonlySet<string>
  open: (pointer: string, isOpen: boolean) => void
  edit: FormState['edit']
  touch: FormState['touch']
}): preact.JSX.Element {
  const [wanted, setWanted] = useState<{ id: string }>()
  const root = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => {
    if (wanted === undefined) return
    const found = document.getElementById(wanted.id) ?? root.current?.querySelector<HTMLElement>(inside(wanted.id))
    found?.focus()
  }, [wanted])
  const { faults, isNew, fixed, opened, open, edit, touch } = props
  const state = useMemo<FormState>(
    () => ({ faults, isNew, fixed, opened, Field, open, edit, touch, focus: (id) => setWanted({ id }) }),
    [faults, isNew, fixed, opened, open, edit, touch],
  )
  return (
    <FormContext.Provider value={state}>
      <div class="config-form" ref={root}>
        <Members schema={props.schema} way={[]} value={props.value} />
      </div>
    </FormContext.Provider>
  )
}

/** What is made of several controls has its id at none of them: the first within is meant. */
function inside(id: string): string {
  return `[id^="${CSS.escape(id)}"]:is(input, select, textarea, button)`
}

/** Drawn again only where something is different: among 500 targets one is typed into. */
function Field(props: FieldProps): preact.JSX.Element {
  const { schema, way, value, label, isNeeded, isBare } = props
  return useMemo(() => <Drawn {...props} />, [schema, pointerOf(way), value, label, isNeeded, isBare])
}

function Drawn(props: FieldProps): preact.JSX.Element {
  const { schema, isBare } = props
  if (variantsOf(schema) !== undefined && !isComposite(schema)) return <Choice {...props} />
  if (!isComposite(schema)) return <Leaf {...props} />
  return isBare ? <Body {...props} /> : <Group {...props}>{() => <Body {...props} />}</Group>
}

function Body(props: FieldProps): preact.JSX.Element {
  const { schema, way, value, isNeeded, label } = props
  const form = useForm()
  if (variantsOf(schema) !== undefined) return <Choice {...props} isNeeded={isNeeded === true || isItem(way)} />
  const mayLack = isNeeded !== true && schema.default === undefined && !isItem(way)
  if (mayLack && value === undefined)
    return (
      <p class="unset">
        Not set.{' '}
        <button
          type="button"
          id={`${idOf(way)}-set`}
          onClick={() => {
            form.edit(way, blankOf(schema))
            form.focus(`${idOf(way)}-unset`)
          }}
        >
          Set<span class="unseen"> {label}</span>
        </button>
      </p>
    )
  return (
    <>
      {schema.type === 'array' ? (
        <List {...props} />
      ) : recordOf(schema) ? (
        <RecordFields {...props} />
      ) : (
        <Members schema={schema} way={way} value={value} />
      )}
      {mayLack && (
        <button
          type="button"
          class="quiet"
          id={`${idOf(way)}-unset`}
          onClick={() => {
            form.edit(way, undefined)
            form.focus(`${idOf(way)}-set`)
          }}
        >
          Do not set {label}
        </button>
      )}
    </>
  )
}

function isItem(way: Way): boolean {
  return /^[0-9]+$/.test(way.at(-1) ?? '')
}

/** The ways to the groups around something, outermost first, as pointers. */
export function around(way: Way): readonly string[] {
  return way.map((_, i) => pointerOf(way.slice(0, i + 1)))
}
