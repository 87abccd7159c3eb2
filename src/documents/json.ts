import { parse } from 'lossless-json'
import { ReplicationError } from '../errors.ts'
import { checkExtent, isNumber, type Fields, type Value } from './value.ts'

/** Reads one JSON text. Throws `invalid`, also for a name that comes twice in an object with different values. */
export function parseJson(text: string): Value {
  let value: Value
  try {
    value = parse(text) as Value
  } catch (error) {
    if (error instanceof RangeError) throw new ReplicationError('invalid', 'the document is nested too deeply')
    throw new ReplicationError('invalid', `this is no JSON: ${(error as Error).message}`, { cause: error })
  }
  checkExtent(value)
  return value
}

/**
 * One line, names sorted, nothing but ASCII, each number as it was written: two documents say the same when these are the
 * same bytes.
 */
export function printJson(value: Value): string {
  if (isNumber(value)) return value.value
  if (typeof value === 'string') return quoted(value)
  if (Array.isArray(value)) return `[${value.map(printJson).join(', ')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  const fields = value as Fields
  let text = ''
  for (const name of sortedNames(fields))
    text += `${text === '' ? '{' : ', '}${quoted(name)}: ${printJson(fields[name] as Value)}`
  return text === '' ? '{}' : `${text}}`
}

/** In the order of `compareNames`; most documents are in it already. */
export function sortedNames(fields: Fields): string[] {
  const names = Object.keys(fields)
  for (let i = 1; i < names.length; i++)
    if (compareNames(names[i - 1] as string, names[i] as string) > 0) return names.toSorted(compareNames)
  return names
}

/** By code points, as UTF-8 sorts. */
export function compareNames(one: string, other: string): number {
  if (one === other) return 0
  const end = Math.min(one.length, other.length)
  let at = 0
  while (at < end && one.charCodeAt(at) === other.charCodeAt(at)) at++
  if (at === end) return one.length - other.length
  const [left, right] = [one.charCodeAt(at), other.charCodeAt(at)]
  // What is beyond the first 65,536 characters is written in surrogates, which are lower than some of those.
  return isSurrogate(left) === isSurrogate(right) ? left - right : isSurrogate(left) ? 1 : -1
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff
}

const plain = /^[ !#-[\]-~]*$/
const beyond = /[\u007f-\uffff]/g

function quoted(text: string): string {
  // A long text would take the stack of who matches it as a whole.
  if (text.length < 1000 && plain.test(text)) return `"${text}"`
  return JSON.stringify(text).replaceAll(beyond, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
