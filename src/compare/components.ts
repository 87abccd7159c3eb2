import { fieldOf, type Fields, type Value } from '../documents/value.ts'
import { fieldsOf, referencesIn, withReferences } from './canonical.ts'
import { withEdits, type Edit } from '../documents/edit.ts'
import { editsBetween } from './edits.ts'
import { natureBelow, type Nature } from './natures.ts'
import { itemOf, ledTo, meaningsOf } from './references.ts'
import { pointerToken } from '../resources/schema.ts'

/** A component by its section and name. */
type Name = readonly [section: string, name: string]

/**
 * Edits of the host's content that put the donor's values into its item, with the components that they refer to: those whose name
 * means something else to what stays of the host get another name, those that mean the same are not touched, and those that
 * nothing refers to any more go. `parts` are places in the item. References that lead nowhere stay as they are written.
 */
export function carried(host: Value, donor: Value | undefined, parts: readonly Edit[]): Edit[] {
  const emptied = withEdits(
    itemOf(host) ?? {},
    parts.map(({ at }) => ({ at, value: undefined })),
  )
  const kept = reachedFrom(host, [[emptied, 'node']])
  const carrier = new Carrier(host, donor, kept)
  const edits = parts.map(({ at, value }) => ({
    at: ['item', ...at],
    value: value === undefined ? undefined : carrier.take(value, natureAt(at)),
  }))
  const before = fieldsOf(host, 'components')
  const after = componentsOf(host, kept, carrier.taken)
  return [
    ...edits,
    ...(before === undefined && after === undefined ? [] : editsBetween(before, after ?? {}, ['components'])),
  ]
}

function natureAt(at: readonly string[]): Nature {
  let nature: Nature = 'node'
  for (const name of at) nature = natureBelow(nature, name)
  return nature
}

/** Decides once for each component of the donor what it is called on the host. */
class Carrier {
  /** What comes along, by key of its name there. */
  readonly taken = new Map<string, Value>()
  readonly #donor: Value | undefined
  readonly #meanings: readonly ((reference: string) => string | undefined)[]
  readonly #names = new Map<string, Name>()
  /** What stays of the host's. */
  readonly #kept: ReadonlyMap<string, Name>
  /** Names that the donor may yet ask for. */
  readonly #wanted: ReadonlySet<string>
  readonly #waiting: (() => void)[] = []
  #busy = false

  constructor(host: Value, donor: Value | undefined, kept: ReadonlyMap<string, Name>) {
    this.#donor = donor
    this.#kept = kept
    this.#wanted = new Set(reachedFrom(donor, [[itemOf(donor) ?? {}, 'node']]).keys())
    this.#meanings = meaningsOf([host, donor])
  }

  /** The value as the host can have it. */
  take(value: Value, nature: Nature): Value {
    const taken = withReferences(value, nature, (reference) => this.#renamed(reference))
    if (this.#busy) return taken
    // One after the other: a chain of components may be longer than any stack.
    this.#busy = true
    for (let next = this.#waiting.pop(); next !== undefined; next = this.#waiting.pop()) next()
    this.#busy = false
    return taken
  }

  #renamed(reference: string): string {
    const led = ledTo(this.#donor, reference)
    if (led === undefined) return reference
    const [, section = '', name = '', ...more] = led.tokens
    const [, given] = this.#nameFor([section, name])
    if (given === name) return reference
    const pointer = ['components', section, given, ...more].map((token) => `/${pointerToken(token)}`).join('')
    return reference.startsWith('#') ? `#${pointer}` : given
  }

  #nameFor(name: Name): Name {
    const known = this.#names.get(keyOf(name))
    if (known !== undefined) return known
    const given = this.#freeName(name)
    this.#names.set(keyOf(name), given)
    if (this.#kept.has(keyOf(given))) return given
    const value = fieldOf(fieldsOf(fieldOf(this.#donor, 'components'), name[0]), name[1])
    this.#waiting.push(() => {
      this.taken.set(keyOf(given), this.take(value === undefined ? {} : value, natureAt(['components', ...name])))
    })
    return given
  }

  /** The same name, unless it means something else on the host: then the first with a number that is free, or means this. */
  #freeName([section, name]: Name): Name {
    const meaning = this.#meanings[1]?.(referenceTo([section, name]))
    for (let n = 1; ; n++) {
      const next: Name = [section, n === 1 ? name : `${name}_${n}`]
      const key = keyOf(next)
      if (this.#kept.has(key)) {
        if (meaning !== undefined && this.#meanings[0]?.(referenceTo(next)) === meaning) return next
      } else if (n === 1 || !this.#wanted.has(key)) return next
    }
  }
}

/** All components that these values refer to, and those that those do. */
function reachedFrom(content: Value | undefined, values: readonly (readonly [Value, Nature])[]): Map<string, Name> {
  const found = new Map<string, Name>()
  const waiting = [...values]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop())
    for (const reference of referencesIn(...next)) {
      const [, section, name] = ledTo(content, reference)?.tokens ?? []
      if (section === undefined || name === undefined || found.has(keyOf([section, name]))) continue
      found.set(keyOf([section, name]), [section, name])
      const value = fieldOf(fieldsOf(fieldOf(content, 'components'), section), name)
      if (value !== undefined) waiting.push([value, natureAt(['components', section, name])])
    }
  return found
}

function componentsOf(
  host: Value,
  kept: ReadonlyMap<string, Name>,
  taken: ReadonlyMap<string, Value>,
): Fields | undefined {
  const sections = new Map<string, Map<string, Value>>()
  const add = ([section, name]: Name, value: Value): void => {
    const known = sections.get(section)
    if (known === undefined) sections.set(section, new Map([[name, value]]))
    else known.set(name, value)
  }
  for (const name of kept.values()) {
    const value = fieldOf(fieldsOf(fieldOf(host, 'components'), name[0]), name[1])
    if (value !== undefined) add(name, value)
  }
  for (const [key, value] of taken) add(JSON.parse(key) as Name, value)
  if (sections.size === 0) return undefined
  return Object.fromEntries([...sections].map(([section, members]) => [section, Object.fromEntries(members)]))
}

function keyOf(name: Name): string {
  return JSON.stringify(name)
}

function referenceTo([section, name]: Name): string {
  return `#${['components', section, name].map((token) => `/${pointerToken(token)}`).join('')}`
}
