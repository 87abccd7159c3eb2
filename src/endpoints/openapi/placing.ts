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
 * Each keeps its name where that is free, or holds the same; others get a number behind it. What refers to one that got a number
 * says so, and thus is another than what bears its own name: that is why it is gone over until nothing moves any more.
 */
export function placesFor(components: Fields, { component, isUsed }: Holding): ReadonlyMap<string, Placed> {
  const all = componentsOf(components)
  const names = new Map<string, string>()
  const numbers = new Map([...all.keys()].map((key) => [key, 1]))
  const places = new Map<string, Placed>()
  for (let moved = true; moved;) {
    moved = false
    for (const [key, { section, name, content }] of all) {
      const next = renamed(content, sections[section] as ObjectName, names)
      for (let number = numbers.get(key) ?? 1; ; number++) {
        const at = { section, name: number === 1 ? name : `${name}_${number}` }
        const place = number === 1 || !all.has(keyIn(at)) ? placeAt(at, name, next) : undefined
        if (place === undefined) continue
        places.set(key, place)
        if (number !== numbers.get(key)) {
          numbers.set(key, number)
          names.set(key, at.name)
          moved = true
        }
        break
      }
    }
  }
  return places

  function placeAt(at: ComponentName, name: string, content: Value): Placed | undefined {
    const there = component(at)
    const given = at.name === name ? undefined : name
    if (there === undefined) return { at, content, given, isThere: false }
    if (there.given === given && sameValue(there.content, content)) return { at, content, given, isThere: true }
    const isFree = !isUsed(keyIn(at)) && (given === undefined || there.given === given)
    return isFree ? { at, content, given, isThere: false } : undefined
  }
}

function keyIn({ section, name }: ComponentName): string {
  return `${section}/${name}`
}
