import { fieldOf, isFields, type Value } from '../documents/value.ts'
import { compareNames } from '../documents/json.ts'
import { pointerToken } from '../resources/schema.ts'
import { canonical, plainReading, type Reading } from './canonical.ts'
import { classOf, classOfParts, type Base, type Class } from './classes.ts'
import type { StructuredFormat } from './content.ts'
import { namesOf } from './edits.ts'
import { natureBelow, type Nature } from './natures.ts'
import { grafted, ownedText } from './owned.ts'
import { itemOf, meaningsOf } from './references.ts'
import type { PathRules } from './rules.ts'

/** What a resource, or a part of it, is on each side; undefined where it is absent. */
export interface Sides<T> {
  readonly source: T | undefined
  readonly target: T | undefined
  readonly base: T | undefined
}

/** What differs between source and target. A method's values are its operation, which may look alike where what it refers to differs. */
export interface Part {
  /** A JSON Pointer; for methods `POST` in a path of an OpenAPI document, `POST /pets/{id}` in a whole one. */
  readonly part: string
  /** Where it is in the value: in a path of an OpenAPI document `['item', 'post']`. */
  readonly at: readonly string[]
  readonly class: Class
  readonly source?: Value
  readonly target?: Value
  readonly base?: Value
}

export interface Compared {
  readonly equal: boolean
  readonly class: Class
  readonly parts: readonly Part[]
}

/**
 * What differs, with the source's and the base's side as they would be at the target: preserved and ignored parts as the target
 * has them, so they are never among those that differ. When the resource is absent on a side, it has a class and no parts.
 */
export function partsOf(sides: Sides<Value>, format: StructuredFormat, rules: PathRules, baseKnown: boolean): Compared {
  const { source, target, base } = sides
  if (source === undefined || target === undefined) {
    const cls = classOfWhole(sides, format, rules, baseKnown)
    return { equal: source === target, class: cls, parts: [] }
  }
  const parts = new Walk(sides, format, rules, baseKnown).parts()
  if (parts.length > 0) {
    // Both sides added the whole: what each has alone is no change of something that both once had.
    const bothAdded = baseKnown && base === undefined
    return { equal: false, class: bothAdded ? 'conflict' : classOfParts(parts), parts }
  }
  const unchanged =
    !baseKnown || (base !== undefined && new Walk({ ...sides, source: base }, format, rules, false).equal())
  return { equal: true, class: unchanged ? 'same' : 'converged', parts }
}

function classOfWhole(sides: Sides<Value>, format: StructuredFormat, rules: PathRules, known: boolean): Class {
  const values = [sides.base, sides.source, sides.target]
  const readings = readingsOf(values, format, rules)
  const [base, source, target] = values.map((value, i) =>
    value === undefined
      ? undefined
      : canonical(comparedOf(value, format), readings[i] ?? plainReading, natureOf(format)),
  )
  return classOf(baseOf(known, base), source, target)
}

function baseOf(known: boolean, digest: string | undefined): Base {
  return known ? { known, ...(digest !== undefined && { digest }) } : { known }
}

/** Of a path of an OpenAPI document the item: its components are compared where they are used. */
export function comparedOf(value: Value, format: StructuredFormat): Value {
  return format === 'openapi-path' ? (itemOf(value) ?? {}) : value
}

function natureOf(format: StructuredFormat): Nature {
  return format === 'openapi' || format === 'openapi-path' ? 'node' : 'plain'
}

function readingsOf(values: readonly (Value | undefined)[], format: StructuredFormat, rules: PathRules): Reading[] {
  const meanings = format === 'openapi-path' ? meaningsOf(values) : []
  return values.map((_, i) => ({ rules, meaningOf: meanings[i] }))
}

/** The source's value as it would be at the target. */
export function brought(source: Value, target: Value, rules: PathRules): Value {
  const value = grafted(source, target, rules)
  return value === undefined ? {} : value
}

/** What the target owns of a value, by JSON Pointer: the same text before and after proves that it was left alone. */
export function preservedOf(value: Value | undefined, rules: PathRules, format: StructuredFormat = 'json'): string {
  return ownedText(value === undefined ? undefined : comparedOf(value, format), rules)
}

const methods = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace', 'query'])

/** One walk over source and target side by side. */
class Walk {
  readonly #format: StructuredFormat
  readonly #rules: PathRules
  readonly #baseKnown: boolean
  readonly #sides: Sides<Value>
  readonly #readings: Sides<Reading>
  readonly #parts: Part[] = []
  readonly #at: string[] = []
  #most = Infinity

  constructor({ source, target, base }: Sides<Value>, format: StructuredFormat, rules: PathRules, baseKnown: boolean) {
    this.#format = format
    this.#rules = rules
    this.#baseKnown = baseKnown
    const [reading, targets, bases] = readingsOf([source, target, base], format, rules)
    this.#readings = { source: reading, target: targets, base: bases }
    const [one, other, old] = [source, target, base].map((value) =>
      value === undefined ? undefined : comparedOf(value, format),
    )
    const at = (value: Value | undefined): Value | undefined =>
      value === undefined || other === undefined ? value : brought(value, other, rules)
    this.#sides = { source: at(one), target: other, base: at(old) }
  }

  /** In the order of their names. */
  parts(): readonly Part[] {
    this.#compare(this.#sides, natureOf(this.#format))
    return this.#parts
  }

  equal(): boolean {
    this.#most = 1
    return this.parts().length === 0
  }

  #compare(sides: Sides<Value>, nature: Nature): void {
    if (this.#parts.length >= this.#most || sides.source === sides.target || this.#rules.ignored(this.#at)) return
    const { source, target } = this.#isPathItem() ? { source: sides.source ?? {}, target: sides.target ?? {} } : sides
    if (isFields(source) && isFields(target) && !this.#isMethod())
      for (const name of namesOf(source, target).toSorted(compareNames)) {
        this.#at.push(name)
        const [one, other, old] = [fieldOf(source, name), fieldOf(target, name), fieldOf(sides.base, name)]
        this.#compare({ source: one, target: other, base: old }, natureBelow(nature, name))
        this.#at.pop()
      }
    else this.#leaf(sides, nature)
  }

  #leaf(sides: Sides<Value>, nature: Nature): void {
    const text = (side: keyof Sides<Value>): string | undefined => {
      const [value, reading] = [sides[side], this.#readings[side]]
      return value === undefined ? undefined : canonical(value, reading ?? plainReading, nature, this.#at)
    }
    const [source, target] = [text('source'), text('target')]
    if (source === target) return
    this.#parts.push({
      part: this.#name(),
      at: this.#format === 'openapi-path' ? ['item', ...this.#at] : [...this.#at],
      class: classOf(baseOf(this.#baseKnown, this.#baseKnown ? text('base') : undefined), source, target),
      ...(sides.source !== undefined && { source: sides.source }),
      ...(sides.target !== undefined && { target: sides.target }),
      ...(sides.base !== undefined && this.#baseKnown && { base: sides.base }),
    })
  }

  /** A path without anything is none. */
  #isPathItem(): boolean {
    return this.#format === 'openapi' && this.#at.length === 2 && this.#at[0] === 'paths'
  }

  /** Whether a method of a path is here: it is one part, whatever is in it. */
  #isMethod(): boolean {
    return isMethodAt(this.#at, this.#format)
  }

  #name(): string {
    if (!this.#isMethod()) return this.#at.map((name) => `/${pointerToken(name)}`).join('')
    const method = (this.#at.at(-1) ?? '').toUpperCase()
    return this.#format === 'openapi-path' ? method : `${method} ${this.#at[1]}`
  }
}

function isMethodAt(at: readonly string[], format: StructuredFormat): boolean {
  if (!methods.has(at.at(-1) ?? '')) return false
  return format === 'openapi-path' ? at.length === 1 : format === 'openapi' && at.length === 3 && at[0] === 'paths'
}

/** All parts that differ, whatever the base: for whoever only wants to know which. */
export function differing(
  sides: Omit<Sides<Value>, 'base'>,
  format: StructuredFormat,
  rules: PathRules,
): readonly Part[] {
  return partsOf({ ...sides, base: undefined }, format, rules, false).parts
}
