/** Under which names the components of a package stand in a document. */
import { sameValue } from '../../documents/edit/changes.ts'
import type { Fields, Value } from '../../documents/value.ts'
import { renamed, type Component } from './definitions.ts'
import { componentsOf } from './given.ts'
import type { ComponentName } from './refs.ts'
import { sections, type ObjectName } from './shapes.ts'

export interface Placed {
  readonly at: ComponentName
  /** What it says there. */
  readonly content: Value
  /** The name that it had, where it has another one now. */
  readonly given: string | undefined
  /** It says so already. */
  readonly isThere: boolean
}

export interface Holding {
  /** What stands there now. */
  component(name: ComponentName): Component | undefined
  /** Whether something refers to it that stays as it is. */
  isUsed(key: string): boolean
}

/**
 * Each keeps its name where that is free, or holds the same; others get a number behind it. Whether one says the same depends on
 * where those are that it refers to, in circles at times. So it is first assumed that they are where they could be, and then gone
 * over until nothing moves any more; numbers only rise.
 */
export function placesFor(components: Fields, holding: Holding): ReadonlyMap<string, Placed> {
  const all = componentsOf(components)
  const moving = new Moving(all, holding)
  for (const [key, { section, content }] of all) moving.settle(key, content, (there) => spoken(there, section, holding))
  const places = new Map<string, Placed>()
  for (let moved = true; moved;) {
    moved = false
    for (const [key, { section, content }] of all) {
      const next = renamed(content, sections[section] as ObjectName, moving.names)
      const { place, isNew } = moving.settle(key, next, (there) => there.content)
      places.set(key, place)
      moved ||= isNew
    }
  }
  return places
}

/** What it says in the names that packages know. */
function spoken(there: Component, section: string, { component }: Holding): Value {
  const given = [...there.refs].flatMap((key): [string, string][] => {
    const slash = key.indexOf('/')
    const name = component({ section: key.slice(0, slash), name: key.slice(slash + 1) })?.given
    return name === undefined ? [] : [[key, name]]
  })
  return renamed(there.content, sections[section] as ObjectName, new Map(given))
}

class Moving {
  /** Of those that have another one, by their keys. */
  readonly names = new Map<string, string>()
  readonly #all: ReadonlyMap<string, ComponentName>
  readonly #holding: Holding
  readonly #numbers = new Map<string, number>()

  constructor(all: ReadonlyMap<string, ComponentName>, holding: Holding) {
    this.#all = all
    this.#holding = holding
  }

  /** The first place from where it is on that may say this. */
  settle(key: string, content: Value, says: (there: Component) => Value): { place: Placed; isNew: boolean } {
    const { section, name } = this.#all.get(key) as ComponentName
    const from = this.#numbers.get(key) ?? 1
    for (let number = from; ; number++) {
      const at = { section, name: number === 1 ? name : `${name}_${number}` }
      // The names that come with it are for those that have them.
      const place = number === 1 || !this.#all.has(keyIn(at)) ? this.#placeAt(at, name, content, says) : undefined
      if (place === undefined) continue
      this.#numbers.set(key, number)
      if (number > 1) this.names.set(key, at.name)
      return { place, isNew: number !== from }
    }
  }

  #placeAt(at: ComponentName, name: string, content: Value, says: (there: Component) => Value): Placed | undefined {
    const there = this.#holding.component(at)
    const given = at.name === name ? undefined : name
    if (there === undefined) return { at, content, given, isThere: false }
    if (there.given === given && sameValue(says(there), content)) return { at, content, given, isThere: true }
    const isFree = !this.#holding.isUsed(keyIn(at)) && (given === undefined || there.given === given)
    return isFree ? { at, content, given, isThere: false } : undefined
  }
}

function keyIn({ section, name }: ComponentName): string {
  return `${section}/${name}`
}
