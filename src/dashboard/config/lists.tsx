import { idOf, isWithin, useForm, type FieldProps } from './context.ts'
import { pointerOf, type Way } from './draft.ts'
import { Faults, Help } from './parts.tsx'
import { blankOf, isComposite, isObject, recordOf, variantsOf, type Schema } from './schema.ts'

/** Items in their order, which can be changed. */
export function List({ schema, way, value, label }: FieldProps): preact.JSX.Element {
  const form = useForm()
  const items: readonly unknown[] = Array.isArray(value) ? value : []
  const of = schema.items ?? {}
  const id = idOf(way)
  const put = (next: readonly unknown[], focus: string): void => {
    form.edit(way, next)
    form.touch(way)
    form.focus(focus)
  }
  const move = (from: number, to: number): void => {
    const next = items.toSpliced(from, 1).toSpliced(to, 0, items[from])
    // The keyboard stays with the item that it moves.
    put(next, verbId(way, to, to < from ? (to === 0 ? 'down' : 'up') : to === items.length - 1 ? 'up' : 'down'))
  }
  const add = (): void => {
    const at = [...way, String(items.length)]
    form.open(pointerOf(at), true)
    put([...items, blankOf(of)], idOf(at))
  }
  const remove = (i: number): void => {
    const next = items.toSpliced(i, 1)
    put(next, next.length === 0 ? `${id}-add` : verbId(way, Math.min(i, next.length - 1), 'remove'))
  }
  return (
    <div class="list">
      {!isComposite(of) && <Help id={`${id}-items`} text={of.description} />}
      <ol aria-label={label}>
        {items.map((item, i) => (
          <li key={i}>
            <Item schema={of} way={[...way, String(i)]} value={item} label={`${label} ${i + 1}`} />
            <span class="verbs">
              <Verb
                id={verbId(way, i, 'up')}
                sign="↑"
                what={`Move ${label} ${i + 1} up`}
                isOff={i === 0}
                act={() => move(i, i - 1)}
              />
              <Verb
                id={verbId(way, i, 'down')}
                sign="↓"
                what={`Move ${label} ${i + 1} down`}
                isOff={i === items.length - 1}
                act={() => move(i, i + 1)}
              />
              <Verb id={verbId(way, i, 'remove')} sign="✕" what={`Remove ${label} ${i + 1}`} act={() => remove(i)} />
            </span>
          </li>
        ))}
      </ol>
      <button type="button" id={`${id}-add`} onClick={add}>
        Add<span class="unseen"> to {label}</span>
      </button>
    </div>
  )
}

function verbId(way: Way, i: number, verb: string): string {
  return `${idOf([...way, String(i)])}-${verb}`
}

function Verb(props: { id: string; sign: string; what: string; isOff?: boolean; act: () => void }): preact.JSX.Element {
  return (
    <button
      type="button"
      class="quiet"
      id={props.id}
      aria-label={props.what}
      title={props.what}
      disabled={props.isOff}
      onClick={props.act}
    >
      {props.sign}
    </button>
  )
}

function Item(props: FieldProps): preact.JSX.Element {
  const { Field } = useForm()
  const { schema, value } = props
  if (!isComposite(schema)) return <Field {...props} isBare isNeeded />
  const name = isObject(value) ? value['name'] : undefined
  return <Field {...props} label={typeof name === 'string' && name !== '' ? name : props.label} />
}

/** Members whose names are free, such as headers. */
export function RecordFields({ schema, way, value, label }: FieldProps): preact.JSX.Element {
  const form = useForm()
  const members = isObject(value) ? value : {}
  const of: Schema = recordOf(schema) ?? {}
  const id = idOf(way)
  const pointer = pointerOf(way)
  const rename = (from: string, to: string): void => {
    if (to !== from && to !== '' && !Object.hasOwn(members, to))
      form.edit(way, Object.fromEntries(Object.entries(members).map(([name, one]) => [name === from ? to : name, one])))
  }
  const add = (): void => {
    let name = 'name'
    for (let i = 2; Object.hasOwn(members, name); i++) name = `name-${i}`
    form.edit(way, { ...members, [name]: blankOf(variantsOf(of)?.[0] ?? of) })
    form.focus(`${idOf([...way, name])}-name`)
  }
  return (
    <div class="list">
      <Help id={`${id}-items`} text={variantsOf(of) ? undefined : of.description} />
      <ul aria-label={label}>
        {Object.entries(members).map(([name, one], i) => {
          const at = [...way, name]
          const faults = form.faults.filter((fault) => isWithin(fault.pointer, pointerOf(at)))
          return (
            // By its place: a name that is typed anew is the same row.
            <li key={i} class="member" data-pointer={`${pointer}/${name}`}>
              <input
                id={`${idOf(at)}-name`}
                aria-label={`Name in ${label}`}
                aria-invalid={faults.length > 0}
                value={name}
                spellcheck={false}
                onChange={(event) => rename(name, event.currentTarget.value.trim())}
              />
              <form.Field schema={of} way={at} value={one} label={`${label} ${name}`} isBare isNeeded />
              <span class="verbs">
                <Verb
                  id={`${idOf(at)}-remove`}
                  sign="✕"
                  what={`Remove ${name} from ${label}`}
                  act={() => {
                    form.edit(at, undefined)
                    form.focus(`${id}-add`)
                  }}
                />
              </span>
            </li>
          )
        })}
      </ul>
      <Faults id={id} faults={form.faults.filter((fault) => fault.pointer === pointer)} />
      <button type="button" id={`${id}-add`} onClick={add}>
        Add<span class="unseen"> to {label}</span>
      </button>
    </div>
  )
}
