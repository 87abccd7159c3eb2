import { createContext, type ComponentType } from 'preact'
import { useContext } from 'preact/hooks'
import type { Fault } from '../data/api.ts'
import { pointerOf, type Way } from './draft.ts'
import type { Schema } from './schema.ts'

export interface FieldProps {
  readonly schema: Schema
  readonly way: Way
  readonly value: unknown
  readonly label: string
  readonly isNeeded?: boolean
  /** It stands where its label is said already. */
  readonly isBare?: boolean
}

export interface FormState {
  readonly faults: readonly Fault[]
  readonly opened: ReadonlySet<string>
  /** Whether it is about something that is not stored yet, so that no secret of it is. */
  readonly isNew: boolean
  /** These are not for editing. */
  readonly fixed: readonly string[]
  /** Handed down, for fields hold fields. */
  readonly Field: ComponentType<FieldProps>
  /** `undefined` takes the value away. */
  edit(way: Way, value: unknown): void
  /** The field has been left. */
  touch(way: Way): void
  open(pointer: string, isOpen: boolean): void
  /** Once it is drawn. */
  focus(id: string): void
}

export const FormContext = createContext<FormState | undefined>(undefined)

export function useForm(): FormState {
  const state = useContext(FormContext)
  if (state === undefined) throw new Error('a field stands outside of a form')
  return state
}

export function idOf(way: Way): string {
  return `at${encodeURIComponent(pointerOf(way))}`
}

export function isWithin(pointer: string, outer: string): boolean {
  return pointer === outer || pointer.startsWith(`${outer}/`)
}
