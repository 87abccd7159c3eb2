/** What the target owns of a definition: taken out of what is compared and carried, and put back where it was. */
import { printJson } from '../../documents/json.ts'
import { tokensOf, valueAt, withMember, withoutMember } from '../../documents/pointers.ts'
import { fieldOf, isFields, type Value } from '../../documents/value.ts'
import { isExtension, objects, settled, shapeOf, type ObjectName, type Shape } from './shapes.ts'

/** Says of a component under which name its package knows it, where that was taken by another one. */
export const givenName = 'x-trebuchet-name'

/** Among what is owned: `servers` is not. */
export const takesServers = '-servers'

export class Owned {
  readonly takesServers: boolean
  readonly #isOwn: (extension: string) => boolean
  readonly #pointers: readonly (readonly string[])[]

  /** Names of extensions, with `*` at their end for any that begin so, and JSON Pointers into the document. */
  constructor(entries: readonly string[]) {
    this.takesServers = entries.includes(takesServers)
    const names = entries.filter((entry) => !entry.startsWith('/'))
    const exact = new Set([givenName, ...names])
    const starts = names.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1))
    this.#isOwn = (extension) => exact.has(extension) || starts.some((start) => extension.startsWith(start))
    this.#pointers = entries.filter((entry) => entry.startsWith('/')).map(tokensOf)
  }

  /** The value that stands at `at` in the document, without what is owned. */
  without(value: Value, of: ObjectName, at: readonly string[]): Value {
    const rest = this.#below(at).reduce(withoutMember, value)
    return this.#without(rest, { object: of })
  }

  /** What is owned of `old`, put into `next` wherever what it belonged to still is. */
  restored(next: Value, old: Value | undefined, of: ObjectName, at: readonly string[]): Value {
    if (old === undefined) return next
    const restored = this.#restored(next, old, { object: of })
    return this.#below(at).reduce((value, way) => {
      const own = valueAt(old, way)
      const place = valueAt(value, way.slice(0, -1))
      return own === undefined || !isFields(place) ? value : withMember(value, way, own)
    }, restored)
  }

  #below(at: readonly string[]): (readonly string[])[] {
    return this.#pointers
      .filter((pointer) => pointer.length > at.length && at.every((name, i) => pointer[i] === name))
      .map((pointer) => pointer.slice(at.length))
  }

  #owns(of: ObjectName, name: string): boolean {
    if (name === 'servers') return !this.takesServers && objects[of].servers === true
    return isExtension(name) && this.#isOwn(name)
  }

  #without(value: Value, any: Shape): Value {
    const shape = settled(any, value)
    if (shape === 'literal') return value
    if ('list' in shape)
      return Array.isArray(value) ? (value as readonly Value[]).map((item) => this.#without(item, shape.list)) : value
    if (!isFields(value)) return value
    if ('map' in shape)
      return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, this.#without(one, shape.map)]))
    const of = shape.object
    const left = Object.entries(value).filter(([name]) => !this.#owns(of, name))
    return Object.fromEntries(left.map(([name, member]) => [name, this.#without(member, shapeOf(of, name))]))
  }

  #restored(next: Value, old: Value, any: Shape): Value {
    const shape = settled(any, next)
    if (shape === 'literal') return next
    if ('list' in shape) {
      if (!Array.isArray(next) || !Array.isArray(old)) return next
      const of = shape.list
      const known = new Map((old as readonly Value[]).map((item, i) => [identityOf(item, of, i), item]))
      return (next as readonly Value[]).map((item, i) => {
        const before = known.get(identityOf(item, of, i))
        return before === undefined ? item : this.#restored(item, before, of)
      })
    }
    if (!isFields(next) || !isFields(old)) return next
    const members = Object.entries(next).map(([name, member]): [string, Value] => {
      const before = fieldOf(old, name)
      const inner = 'map' in shape ? shape.map : shapeOf(shape.object, name)
      return [name, before === undefined ? member : this.#restored(member, before, inner)]
    })
    if ('map' in shape) return Object.fromEntries(members)
    const kept = Object.entries(old).filter(([name]) => name !== givenName && this.#owns(shape.object, name))
    return Object.fromEntries([...members, ...kept])
  }
}

/** Parameters are the same by name and place, wherever in their list they stand; other things by their number. */
function identityOf(item: Value, shape: Shape, i: number): string {
  if (shape === 'literal' || !('object' in shape) || shape.object !== 'parameter') return String(i)
  const known = ['$ref', 'in', 'name'].map((name) => printJson(fieldOf(item, name) ?? null))
  return known.join(' ')
}
