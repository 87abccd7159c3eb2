import type { ComponentChildren } from 'preact'
import type { Fault } from '../data/api.ts'
import { counted } from '../parts/amount.ts'
import { idOf, isWithin, useForm, type FieldProps } from './context.ts'
import { pointerOf, type Way } from './draft.ts'
import { summaryOf } from './schema.ts'

/** Descriptions set what is typed in backticks. */
export function Prose({ text }: { text: string }): preact.JSX.Element {
  return <>{text.split('`').map((part, i) => (i % 2 === 1 ? <code key={i}>{part}</code> : part))}</>
}

export function Help({ id, text }: { id: string; text: string | undefined }): preact.JSX.Element | null {
  if (text === undefined) return null
  return (
    <p class="help" id={`${id}-help`}>
      <Prose text={text} />
    </p>
  )
}

export function Faults({ id, faults }: { id: string; faults: readonly Fault[] }): preact.JSX.Element | null {
  if (faults.length === 0) return null
  return (
    <ul class="fault" id={`${id}-fault`}>
      {faults.map(({ pointer, message }) => (
        <li key={pointer + message}>
          <span aria-hidden="true">✕ </span>
          {message}
        </li>
      ))}
    </ul>
  )
}

export interface Described {
  readonly id: string
  readonly 'aria-invalid'?: boolean
  readonly 'aria-describedby'?: string
  readonly 'aria-required'?: boolean
}

/** What ties a control to its help and its faults. */
export function describe(id: string, of: { help?: string | undefined; faults: number; isNeeded?: boolean }): Described {
  const by = [...(of.help === undefined ? [] : [`${id}-help`]), ...(of.faults === 0 ? [] : [`${id}-fault`])]
  return {
    id,
    ...(of.faults > 0 && { 'aria-invalid': true }),
    ...(by.length > 0 && { 'aria-describedby': by.join(' ') }),
    ...(of.isNeeded && { 'aria-required': true }),
  }
}

/** A label with its control, what it means, and what is wrong with it. */
export function Row(props: {
  way: Way
  label: string
  isNeeded?: boolean | undefined
  isBare?: boolean | undefined
  help?: string | undefined
  faults: readonly Fault[]
  children: ComponentChildren
}): preact.JSX.Element {
  const id = idOf(props.way)
  return (
    <div class={props.isBare ? 'field bare' : 'field'} data-pointer={pointerOf(props.way)}>
      <label for={id} class={props.isBare ? 'unseen' : undefined}>
        <span>
          {props.label}
          {props.isNeeded && <small> required</small>}
        </span>
      </label>
      <div class="control">
        {props.children}
        <Faults id={id} faults={props.faults} />
        <Help id={id} text={props.help} />
      </div>
    </div>
  )
}

/** Folds away what is many; says in a line what is in it, and whether something is wrong. */
export function Group(
  props: FieldProps & { children: () => ComponentChildren; verbs?: ComponentChildren },
): preact.JSX.Element {
  const { schema, way, value, label } = props
  const form = useForm()
  const pointer = pointerOf(way)
  const id = idOf(way)
  const isOpen = form.opened.has(pointer)
  const inside = form.faults.filter((fault) => isWithin(fault.pointer, pointer)).length
  return (
    <div class="group" data-pointer={pointer}>
      <div class="bar">
        <button
          type="button"
          class="fold"
          id={id}
          aria-expanded={isOpen}
          aria-controls={`${id}-inside`}
          onClick={() => form.open(pointer, !isOpen)}
        >
          <span class="arrow" aria-hidden="true">
            {isOpen ? '▾' : '▸'}
          </span>{' '}
          <b>{label}</b>
          {props.isNeeded && <small> required</small>} {!isOpen && <small>{summaryOf(schema, value)}</small>}
          {inside > 0 && <span class="fault"> ✕ {counted(inside, 'fault')}</span>}
        </button>
        {props.verbs}
      </div>
      <div id={`${id}-inside`} class="inside" hidden={!isOpen}>
        {isOpen && (
          <>
            <Help id={id} text={schema.description} />
            <Faults id={id} faults={faultsOf(form.faults, props)} />
            {props.children()}
          </>
        )}
      </div>
    </div>
  )
}

/** Those of the group itself, and of members that it does not know. */
function faultsOf(faults: readonly Fault[], { schema, way }: FieldProps): readonly Fault[] {
  const pointer = pointerOf(way)
  return faults.filter((fault) => fault.pointer === pointer || isStranger(fault.pointer, pointer, schema.properties))
}

export function isStranger(pointer: string, outer: string, properties: object | undefined): boolean {
  if (properties === undefined || !pointer.startsWith(`${outer}/`)) return false
  const [name = ''] = pointer.slice(outer.length + 1).split('/')
  return !Object.hasOwn(properties, name)
}
