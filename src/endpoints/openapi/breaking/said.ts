/** What a definition says, references followed, for whoever compares two of them. */
import { valueAt } from '../../../documents/pointers.ts'
import { fieldOf, isFields, isNumber, textOf, type Value } from '../../../documents/value.ts'
import { printJson, sortedNames } from '../../../documents/json.ts'
import { referenceOf } from '../refs.ts'

/** A part of a content, which has all that the part refers to. */
export interface Said {
  readonly content: Value
  readonly value: Value | undefined
}

/** The same, following references as far as they lead somewhere else. */
export function followed({ content, value }: Said): Said {
  const seen = new Set<Value>()
  for (let at = value; ;) {
    const ref = fieldOf(at, '$ref')
    if (at === undefined || typeof ref !== 'string' || seen.has(at)) return { content, value: at }
    seen.add(at)
    const to = referenceOf(ref)
    if (to.to !== 'component') return { content, value: at }
    at = valueAt(content, ['components', to.section, to.name, ...to.inside])
  }
}

export function part(said: Said, ...names: readonly string[]): Said {
  return names.reduce((at, name) => followed({ content: at.content, value: fieldOf(at.value, name) }), followed(said))
}

export function namesIn({ value }: Said): string[] {
  return isFields(value) ? sortedNames(value) : []
}

export function listIn({ content, value }: Said): Said[] {
  return Array.isArray(value) ? (value as readonly Value[]).map((item) => followed({ content, value: item })) : []
}

export function isTrue(said: Said): boolean {
  return said.value === true
}

export function numberIn({ value }: Said): number | undefined {
  return isNumber(value) ? Number(value.value) : undefined
}

export function textIn({ value }: Said): string | undefined {
  return textOf(value)
}

export function printed({ value }: Said): string | undefined {
  return value === undefined ? undefined : printJson(value)
}
