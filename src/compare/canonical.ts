import { sortedNames } from '../documents/json.ts'
import { fieldOf, isFields, isNumber, type Fields, type Value } from '../documents/value.ts'
import { isSetByNature, natureBelow, natureWithin, type Nature } from './natures.ts'
import { noRules, type PathRules } from './rules.ts'

/** How a value is read. */
export interface Reading {
  readonly rules: PathRules
  /** What a reference leads to, as text that is the same for the same meaning; undefined for one that counts as it is written. */
  readonly meaningOf?: ((reference: string) => string | undefined) | undefined
}

export const plainReading: Reading = { rules: noRules }

/**
 * Text that two values share when they say the same: names in any order, numbers that are the same number to the last digit,
 * sets in any order; what is ignored or preserved is left out. `at` is where the value stands, for the rules.
 */
export function canonical(
  value: Value,
  reading: Reading,
  nature: Nature = 'plain',
  at: readonly string[] = [],
): string {
  return textOf(value, nature, { reading, at: [...at] })
}

interface Walk {
  readonly reading: Reading
  /** Where the walk is; it grows and shrinks with it. */
  readonly at: string[]
}

function textOf(value: Value, nature: Nature, walk: Walk): string {
  if (isNumber(value)) return sameNumber(value.value)
  if (typeof value === 'string') return (nature === 'mapping' ? meant(value, walk) : undefined) ?? JSON.stringify(value)
  if (Array.isArray(value)) return listOf(value as readonly Value[], nature, walk)
  return isFields(value) ? objectOf(value, nature, walk) : String(value)
}

function listOf(items: readonly Value[], nature: Nature, walk: Walk): string {
  const isSet = isSetByNature(nature) || walk.reading.rules.isSet(walk.at)
  const within = natureWithin(nature)
  const texts: string[] = []
  for (const [i, item] of items.entries()) {
    walk.at.push(String(i))
    if (counts(walk)) texts.push(textOf(item, within, walk))
    walk.at.pop()
  }
  return `[${(isSet ? texts.toSorted() : texts).join()}]`
}

function objectOf(fields: Fields, nature: Nature, walk: Walk): string {
  const texts: string[] = []
  for (const name of sortedNames(fields)) {
    const value = fields[name] as Value
    walk.at.push(name)
    if (counts(walk)) {
      const led = name === '$ref' && nature === 'node' && typeof value === 'string' ? meant(value, walk) : undefined
      const scheme = nature === 'requirement' ? meant(schemeReference(name), walk) : undefined
      texts.push(`${scheme ?? JSON.stringify(name)}:${led ?? textOf(value, natureBelow(nature, name), walk)}`)
    }
    walk.at.pop()
  }
  // Names that became meanings are no longer in order.
  return `{${(nature === 'requirement' ? texts.toSorted() : texts).join()}}`
}

function counts({ reading: { rules }, at }: Walk): boolean {
  return rules === noRules || !(rules.ignored(at) || rules.preserved(at))
}

function meant(reference: string, { reading: { meaningOf } }: Walk): string | undefined {
  const meaning = meaningOf?.(reference)
  return meaning === undefined ? undefined : `#${meaning}`
}

/** What security requirements name without saying so. */
export function schemeReference(name: string): string {
  return `#/components/securitySchemes/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
}

/** The same for 1.0 and 1, for 100 and 1e2, without a double in between. */
export function sameNumber(lexeme: string): string {
  if (/^-?[1-9]\d{0,14}$/.test(lexeme) && !lexeme.endsWith('0')) return lexeme
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(lexeme) ?? []
  const digits = trimmed(whole + fraction)
  if (digits.text === '') return '0'
  const power = BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.zeros)
  return `${sign}${digits.text}${power === 0n ? '' : `e${power}`}`
}

/** Without zeros at either end, and how many were behind. */
function trimmed(digits: string): { text: string; zeros: number } {
  let end = digits.length
  while (end > 0 && digits[end - 1] === '0') end--
  let start = 0
  while (start < end && digits[start] === '0') start++
  return { text: digits.slice(start, end), zeros: digits.length - end }
}

/** Which references a value has, as they are written; what is only named (security schemes, mappings) as a reference too. */
export function referencesIn(value: Value, nature: Nature): Set<string> {
  const found = new Set<string>()
  const meaningOf = (reference: string): undefined => {
    found.add(reference)
  }
  canonical(value, { rules: noRules, meaningOf }, nature)
  return found
}

/** The value with its references written as `rename` says. Bare names of mappings and schemes come and go as references. */
export function withReferences(value: Value, nature: Nature, rename: (reference: string) => string): Value {
  if (typeof value === 'string') return nature === 'mapping' ? rename(value) : value
  if (Array.isArray(value))
    return (value as readonly Value[]).map((item) => withReferences(item, natureWithin(nature), rename))
  if (!isFields(value)) return value
  const members = Object.entries(value).map(([name, member]): [string, Value] => {
    if (name === '$ref' && nature === 'node' && typeof member === 'string') return [name, rename(member)]
    const renamed = nature === 'requirement' ? schemeNamed(rename(schemeReference(name))) : name
    return [renamed, withReferences(member, natureBelow(nature, name), rename)]
  })
  return Object.fromEntries(members)
}

function schemeNamed(reference: string): string {
  return reference.slice(schemeReference('').length).replaceAll('~1', '/').replaceAll('~0', '~')
}

/** A member of an object that is one; undefined for what is none. */
export function fieldsOf(value: Value | undefined, name: string): Fields | undefined {
  const member = fieldOf(value, name)
  return isFields(member) ? member : undefined
}
