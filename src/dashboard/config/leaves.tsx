import { useState } from 'preact/hooks'
import { idOf, isWithin, useForm, type FieldProps } from './context.ts'
import { pointerOf } from './draft.ts'
import { describe, Row, type Described } from './parts.tsx'
import { choicesOf, isSet, type Schema } from './schema.ts'

/** What is one value: a text, a number, yes or no, one or some of a few. */
export function Leaf(props: FieldProps): preact.JSX.Element {
  const { schema, way, label, isNeeded, isBare } = props
  const form = useForm()
  const pointer = pointerOf(way)
  const faults = form.faults.filter((fault) => isWithin(fault.pointer, pointer))
  const help = isBare ? undefined : schema.description
  const described = describe(idOf(way), { help, faults: faults.length, isNeeded: isNeeded === true })
  return (
    <Row way={way} label={label} isNeeded={isNeeded} isBare={isBare} help={help} faults={faults}>
      <Control {...props} described={described} />
    </Row>
  )
}

interface ControlProps extends FieldProps {
  readonly described: Described
}

function Control(props: ControlProps): preact.JSX.Element {
  const { schema } = props
  const choices = choicesOf(schema)
  if (choices !== undefined) return <OneOf {...props} choices={choices} />
  if (isSet(schema)) return <SomeOf {...props} choices={choicesOf(schema.items ?? {}) ?? []} />
  if (schema.type === 'boolean') return <Tick {...props} />
  if (schema.type === 'number' || schema.type === 'integer') return <NumberField {...props} />
  return <TextField {...props} />
}

const isLong = ({ minLength, maxLength = 0, pattern, format }: Schema): boolean =>
  maxLength > 1000 && minLength === undefined && pattern === undefined && format === undefined

function TextField({ schema, way, value, isNeeded, isBare, described }: ControlProps): preact.JSX.Element {
  const form = useForm()
  const shown = typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value)
  const common = {
    ...described,
    value: shown,
    placeholder: typeof schema.default === 'string' ? schema.default : undefined,
    spellcheck: false,
    autocomplete: 'off',
    onInput: (event: { currentTarget: { value: string } }) => {
      const text = event.currentTarget.value
      // What is empty is left out, unless its place is what makes it an item, or one of several forms.
      form.edit(way, text === '' && !(isNeeded && isBare) ? undefined : text)
    },
    onBlur: () => form.touch(way),
  }
  if (schema.writeOnly) return <SecretField common={common} />
  if (isLong(schema)) return <textarea {...common} rows={2} spellcheck />
  return <input {...common} readOnly={form.fixed.includes(pointerOf(way))} />
}

/** Of several lines, for certificates; hidden from who looks over a shoulder. */
function SecretField({ common }: { common: object }): preact.JSX.Element {
  const [isShown, show] = useState(false)
  return (
    <span class="secret">
      <textarea {...common} rows={1} class={isShown ? undefined : 'masked'} />
      <button type="button" aria-pressed={isShown} onClick={() => show(!isShown)}>
        Show
      </button>
    </span>
  )
}

function NumberField({ schema, way, value, described }: ControlProps): preact.JSX.Element {
  const form = useForm()
  // `1.` is 1, and must not lose its point while one types on.
  const [typed, setTyped] = useState('')
  const text = value === undefined ? '' : String(value)
  return (
    <input
      {...described}
      class="number"
      inputMode="decimal"
      autocomplete="off"
      value={numberIn(typed) === value && typed !== '' ? typed : text}
      placeholder={schema.default === undefined ? undefined : String(schema.default)}
      onInput={(event) => {
        setTyped(event.currentTarget.value)
        form.edit(way, numberIn(event.currentTarget.value))
      }}
      onBlur={() => form.touch(way)}
    />
  )
}

/** What is no number goes to the server as it is: it says what is wrong. */
function numberIn(text: string): number | string | undefined {
  if (text.trim() === '') return undefined
  const number = Number(text)
  return Number.isFinite(number) ? number : text
}

function Tick({ schema, way, value, described }: ControlProps): preact.JSX.Element {
  const form = useForm()
  return (
    <input
      {...described}
      type="checkbox"
      checked={value === undefined ? schema.default === true : value === true}
      onChange={({ currentTarget: { checked } }) =>
        form.edit(way, checked || schema.default !== undefined ? checked : undefined)
      }
    />
  )
}

interface ChoiceProps extends ControlProps {
  readonly choices: readonly unknown[]
}

function OneOf({ schema, way, value, isNeeded, described, choices }: ChoiceProps): preact.JSX.Element {
  const form = useForm()
  const known = value === undefined || choices.includes(value)
  return (
    <select
      {...described}
      value={value === undefined ? '' : String(value)}
      onChange={({ currentTarget: { value: text } }) =>
        form.edit(
          way,
          choices.find((choice) => String(choice) === text),
        )
      }
      onBlur={() => form.touch(way)}
    >
      {(!isNeeded || value === undefined) && (
        <option value="">{schema.default === undefined ? 'not set' : `default: ${String(schema.default)}`}</option>
      )}
      {!known && <option>{String(value)}</option>}
      {choices.map((choice) => (
        <option key={String(choice)}>{String(choice)}</option>
      ))}
    </select>
  )
}

function SomeOf({ schema, way, value, label, described, choices }: ChoiceProps): preact.JSX.Element {
  const form = useForm()
  const chosen: readonly unknown[] = Array.isArray(value) ? value : Array.isArray(schema.default) ? schema.default : []
  return (
    <span {...described} role="group" aria-label={label} class="ticks" tabIndex={-1}>
      {choices.map((choice) => (
        <label key={String(choice)} class="tick">
          <input
            type="checkbox"
            checked={chosen.includes(choice)}
            onChange={({ currentTarget: { checked } }) =>
              form.edit(
                way,
                choices.filter((one) => (one === choice ? checked : chosen.includes(one))),
              )
            }
          />
          {String(choice)}
        </label>
      ))}
    </span>
  )
}
