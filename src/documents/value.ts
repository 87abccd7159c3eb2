import { isLosslessNumber, LosslessNumber } from 'lossless-json'
import { ReplicationError } from '../errors.ts'

/**
 * What a document says: JSON's values, with each number as it was written (`1.0`, `12345678901234567890`), for a copy that
 * rounds them is none.
 */
export type Value = null | boolean | string | LosslessNumber | readonly Value[] | Fields

export interface Fields {
  readonly [name: string]: Value
}

export function isFields(value: Value | undefined): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isLosslessNumber(value)
}

export function isNumber(value: Value | undefined): value is LosslessNumber {
  return isLosslessNumber(value)
}

/** What a member says, and nothing of what objects have by themselves. */
export function fieldOf(value: Value | undefined, name: string): Value | undefined {
  return isFields(value) && Object.hasOwn(value, name) ? value[name] : undefined
}

/** A string or a number as text; undefined for anything else. */
export function textOf(value: Value | undefined): string | undefined {
  if (typeof value === 'string') return value
  return isNumber(value) ? value.value : undefined
}

const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** A number of a document; `text` is one of JSON. */
export function numberOf(text: string): LosslessNumber {
  if (!jsonNumber.test(text)) throw new ReplicationError('invalid', `${text} is no number that JSON can hold`)
  return new LosslessNumber(text)
}

/** So deep may a document be: what is deeper would overflow the stack of whoever walks it. */
const maxDepth = 1000

/** And so many values may it have: an alias of YAML stands for as many as it likes. */
const maxValues = 10_000_000

/** Throws `invalid` for a document that is nested too deeply, or too large when all of it is written out. */
export function checkExtent(value: Value): void {
  let values = 0
  const walk = (one: Value, depth: number): void => {
    if (depth > maxDepth)
      throw new ReplicationError('invalid', `the document is nested more than ${maxDepth} levels deep`)
    if (++values > maxValues) throw new ReplicationError('invalid', `the document has more than ${maxValues} values`)
    if (Array.isArray(one)) for (const item of one as readonly Value[]) walk(item, depth + 1)
    else if (isFields(one)) for (const name of Object.keys(one)) walk(one[name] as Value, depth + 1)
  }
  walk(value, 0)
}
