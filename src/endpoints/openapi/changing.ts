/** What becomes of a document when a package is applied to it. */
import { editsBetween } from '../../documents/edit/between.ts'
import type { Edit } from '../../documents/edit.ts'
import { withEdits } from '../../documents/edit/changes.ts'
import { fieldOf, isFields, type Value } from '../../documents/value.ts'
import { isWithin, type ResourcePath } from '../../resources/path.ts'
import { closureOf, keyOf, renamed, wrapped, type Component, type Definitions, type Part } from './definitions.ts'
import type { Given } from './given.ts'
import { placesFor } from './placing.ts'
import { referenceOf, visited, type ComponentName } from './refs.ts'
import { sections, type ObjectName } from './shapes.ts'

export interface Removal {
  readonly path: ResourcePath
  readonly deep: boolean
}

export interface Changed {
  readonly edits: readonly Edit[]
  /** Names of the paths for which nothing is to be written: all that is another in them is owned. */
  readonly unchanged: ReadonlySet<string>
  readonly removed: readonly ResourcePath[]
}

/** The edits that put these definitions into the document, and take others away. */
export function changesOf(before: Definitions, puts: readonly Given[], removals: readonly Removal[]): Changed {
  const put = new Set(puts.map(({ name }) => name))
  const gone = before.paths.filter(
    ({ name, path }) =>
      !put.has(name) && removals.some((one) => (one.deep ? isWithin(path, one.path) : path === one.path)),
  )
  const changing = new Changing(before, [...puts.map(({ name }) => name), ...gone.map(({ name }) => name)])
  const edits: Edit[] = gone.map(({ name }) => ({ at: ['paths', name], value: undefined }))
  const unchanged = new Set<string>()
  for (const one of puts) {
    const own = changing.put(one)
    edits.push(...own)
    if (own.length === 0) unchanged.add(one.name)
  }
  edits.push(...changing.end(edits))
  return { edits, unchanged, removed: gone.map(({ path }) => path) }
}

class Changing {
  readonly #before: Definitions
  /** By their keys, what was written; undefined for what was taken away. */
  readonly #written = new Map<string, Component>()
  /** Keys of what the old definitions of the paths referred to. */
  readonly #left: ReadonlySet<string>
  /** Keys of what everything else refers to, and then what was put. */
  readonly #used: Set<string>

  constructor(before: Definitions, names: readonly string[]) {
    this.#before = before
    const changing = new Set(names)
    const partsOf = (wanted: boolean): Part[] =>
      before.paths.filter(({ name }) => changing.has(name) === wanted).flatMap(({ name }) => this.#partOf(name))
    this.#left = this.#reached(partsOf(true).flatMap(({ refs }) => [...refs]))
    const others = before.componentNames().filter((name) => !this.#left.has(keyOf(name)))
    this.#used = this.#reached([
      ...partsOf(false).flatMap(({ refs }) => [...refs]),
      ...others.flatMap((name) => [...(this.#component(name)?.refs ?? [])]),
      ...restRefs(before),
    ])
  }

  put({ name, item, components }: Given): Edit[] {
    const { owned } = this.#before
    const places = placesFor(components, {
      component: (one) => this.#component(one),
      isUsed: (key) => this.#used.has(key),
    })
    const edits: Edit[] = []
    const names = new Map<string, string>()
    for (const [key, { at, content, given, isThere }] of places) {
      if (at.name !== key.slice(key.indexOf('/') + 1)) names.set(key, at.name)
      if (isThere) continue
      const of = sections[at.section] as ObjectName
      const old = this.#component(at)?.raw
      const way = ['components', at.section, at.name]
      const restored = owned.restored(owned.without(content, of, way), old, of, way)
      const raw = given === undefined ? restored : wrapped(restored, given)
      this.#written.set(keyOf(at), this.#before.read(raw, at))
      edits.push(...(old === undefined ? [{ at: way, value: raw }] : editsBetween(old, raw, way)))
    }
    const way = ['paths', name]
    const content = owned.without(renamed(item, 'pathItem', names), 'pathItem', way)
    const stands = fieldOf(fieldOf(this.#before.value, 'paths'), name)
    const next = owned.restored(content, this.#rawOf(name), 'pathItem', way)
    edits.push(...(stands === undefined ? [{ at: way, value: next }] : editsBetween(stands, next, way)))
    for (const key of this.#reached(keysOf(content, 'pathItem'))) this.#used.add(key)
    return edits
  }

  /** What only the old definitions used is taken away, unless an extension or an example still names it. */
  end(edits: readonly Edit[]): Edit[] {
    const left = [...this.#left].filter((key) => !this.#used.has(key))
    if (left.length === 0) return []
    const removals = left.map((key): Edit => ({ at: ['components', ...splitKey(key)], value: undefined }))
    const named = this.#reached(namedIn(withEdits(this.#before.value, [...edits, ...removals])))
    return removals.filter((_, i) => !named.has(left[i] as string))
  }

  #component(name: ComponentName): Component | undefined {
    return this.#written.get(keyOf(name)) ?? this.#before.component(name)
  }

  #reached(refs: Iterable<string>): Set<string> {
    return new Set(closureOf(refs, (name) => this.#component(name)).map(keyOf))
  }

  /** What stands there may be no path item at all, and is replaced. */
  #partOf(name: string): Part[] {
    try {
      const part = this.#before.part(name)
      return part === undefined ? [] : [part]
    } catch {
      return []
    }
  }

  #rawOf(name: string): Value | undefined {
    return this.#partOf(name)[0]?.raw
  }
}

function splitKey(key: string): [section: string, name: string] {
  const slash = key.indexOf('/')
  return [key.slice(0, slash), key.slice(slash + 1)]
}

/** What the document refers to elsewhere than in its paths and components. */
function restRefs({ value }: Definitions): Set<string> {
  const hooks = fieldOf(value, 'webhooks')
  const found = keysOf({ security: fieldOf(value, 'security') ?? [] }, 'operation')
  for (const hook of isFields(hooks) ? Object.values(hooks) : [])
    for (const key of keysOf(hook, 'pathItem')) found.add(key)
  return found
}

function keysOf(value: Value, of: ObjectName): Set<string> {
  const keys = new Set<string>()
  const ref = (text: string): string => {
    const to = referenceOf(text)
    if (to.to === 'component') keys.add(keyOf(to))
    return text
  }
  const named = (section: string, name: string): string => {
    keys.add(keyOf({ section, name }))
    return name
  }
  visited(value, of, {
    ref,
    scheme: (name) => named('securitySchemes', name),
    mapping: (text) => (text.startsWith('#') ? ref(text) : named('schemas', text)),
  })
  return keys
}

/** Whatever looks like a reference, wherever it stands. */
function namedIn(value: Value, keys = new Set<string>()): Set<string> {
  if (typeof value === 'string') {
    const to = value.startsWith('#/components/') ? referenceOf(value) : undefined
    if (to?.to === 'component') keys.add(keyOf(to))
  } else if (Array.isArray(value)) for (const item of value as readonly Value[]) namedIn(item, keys)
  else if (isFields(value)) for (const member of Object.values(value)) namedIn(member, keys)
  return keys
}
