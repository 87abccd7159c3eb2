/** An OpenAPI document as its paths, each with all that it refers to. */
import { compareNames, printJson, sortedNames } from '../../documents/json.ts'
import { valueAt } from '../../documents/pointers.ts'
import { fieldOf, isFields, type Fields, type Value } from '../../documents/value.ts'
import { ReplicationError } from '../../errors.ts'
import { comparePaths, quote, type ResourcePath } from '../../resources/path.ts'
import { givenName, type Owned } from './owned.ts'
import { resourcePathOf } from './paths.ts'
import { referenceOf, referenceTo, visited, type ComponentName } from './refs.ts'
import { isExtension, sections, type ObjectName } from './shapes.ts'

/** What one path of a document says, without what is owned. */
export interface Definition {
  readonly item: Value
  /** By section and name, as whoever reads it knows them. */
  readonly components: Fields
}

/** A part of the document, and what it refers to. */
export interface Part {
  /** As it stands there. */
  readonly raw: Value
  /** Without what is owned. */
  readonly content: Value
  /** Keys of components, also of such as are not there. */
  readonly refs: ReadonlySet<string>
  /** What is wrong with its references. */
  readonly faults: readonly string[]
}

export interface Component extends Part, ComponentName {
  /** The name by which packages know it. */
  readonly given: string | undefined
}

export interface PathPart extends Part {
  readonly name: string
  readonly path: ResourcePath
}

export function keyOf({ section, name }: ComponentName): string {
  return `${section}/${name}`
}

const namedFaults = 5

/** Throws `invalid` for what is no OpenAPI document of a version that this knows. */
export class Definitions {
  /** In path order. */
  readonly paths: readonly { readonly name: string; readonly path: ResourcePath }[]
  readonly value: Fields
  readonly owned: Owned
  readonly #parts = new Map<string, PathPart>()
  readonly #components = new Map<string, Component | undefined>()
  readonly #printed = new Map<string, string>()

  constructor(value: Value, owned: Owned) {
    this.value = checked(value)
    this.owned = owned
    this.paths = Object.keys(pathsIn(this.value))
      .filter((name) => !isExtension(name))
      .map((name) => ({ name, path: pathOf(name) }))
      .toSorted((one, other) => comparePaths(one.path, other.path))
  }

  /** Undefined when there is no such path. Throws `invalid` for one that is no object. */
  part(name: string): PathPart | undefined {
    const raw = fieldOf(pathsIn(this.value), name)
    if (raw === undefined) return undefined
    const known = this.#parts.get(name)
    if (known !== undefined) return known
    const path = pathOf(name)
    const item = this.#resolved(raw, path)
    const part = { ...this.#read(item, 'pathItem', ['paths', name]), raw: item, name, path }
    this.#parts.set(name, part)
    return part
  }

  component(name: ComponentName): Component | undefined {
    const key = keyOf(name)
    if (this.#components.has(key)) return this.#components.get(key)
    const component = this.#component(name)
    this.#components.set(key, component)
    return component
  }

  componentNames(): ComponentName[] {
    const components = fieldOf(this.value, 'components')
    return Object.keys(sections).flatMap((section) => {
      const named = fieldOf(components, section)
      return isFields(named) ? Object.keys(named).map((name) => ({ section, name })) : []
    })
  }

  /** A component as it would be with this content in the document. */
  read(raw: Value, { section, name }: ComponentName): Component {
    const of = sections[section] as ObjectName
    const given = fieldOf(raw, givenName)
    const part = this.#read(unwrapped(raw), of, ['components', section, name])
    return { ...part, raw, section, name, given: typeof given === 'string' ? given : undefined }
  }

  /** Throws `invalid`, naming those that cannot be told from the rest of the document. */
  check(names: Iterable<string>): void {
    const faults: string[] = []
    for (const name of names) {
      const part = this.part(name)
      if (part === undefined) continue
      const all = [part, ...this.#closure(part.refs)].flatMap((one) => one.faults)
      if (all.length > 0) faults.push(`${quote(part.path)}: ${[...new Set(all)].slice(0, namedFaults).join(', ')}`)
    }
    if (faults.length === 0) return
    const more = faults.length > namedFaults ? `; and ${faults.length - namedFaults} more paths` : ''
    throw new ReplicationError('invalid', `${faults.slice(0, namedFaults).join('; ')}${more}`)
  }

  /** The canonical text of a path's definition, on one line. It must have been checked. */
  text(name: string): string | undefined {
    const part = this.part(name)
    if (part === undefined) return undefined
    const components = this.#closure(part.refs)
    const given = givenNames(components)
    const texts = components.map((one): [ComponentName, string] => [
      { section: one.section, name: given.get(keyOf(one)) ?? one.name },
      given.size === 0 ? this.#print(one) : printJson(renamed(one.content, sections[one.section] as ObjectName, given)),
    ])
    const bySection = sortedNames(Object.fromEntries(texts.map(([{ section }]) => [section, null]))).map((section) => {
      const own = texts.filter(([one]) => one.section === section).toSorted(([a], [b]) => compareNames(a.name, b.name))
      const members = own.map(([one, text]) => `${printJson(one.name)}: ${text}`)
      return `${printJson(section)}: {${members.join(', ')}}`
    })
    return `{"components": {${bySection.join(', ')}}, "item": ${printJson(renamed(part.content, 'pathItem', given))}}\n`
  }

  #print(component: Component): string {
    const key = keyOf(component)
    let text = this.#printed.get(key)
    if (text === undefined) this.#printed.set(key, (text = printJson(component.content)))
    return text
  }

  #closure(refs: Iterable<string>): Component[] {
    return closureOf(refs, (name) => this.component(name))
  }

  #component(name: ComponentName): Component | undefined {
    if (!Object.hasOwn(sections, name.section)) return undefined
    const raw = fieldOf(fieldOf(fieldOf(this.value, 'components'), name.section), name.name)
    return raw === undefined ? undefined : this.read(raw, name)
  }

  #read(value: Value, of: ObjectName, at: readonly string[]): Part {
    const content = this.owned.without(value, of, at)
    const refs = new Set<string>()
    const faults: string[] = []
    const need = (name: ComponentName, inside: readonly string[], text: string): void => {
      const section = fieldOf(fieldOf(this.value, 'components'), name.section)
      const found = Object.hasOwn(sections, name.section) ? fieldOf(section, name.name) : undefined
      // What is not there may be about to come.
      refs.add(keyOf(name))
      if (found === undefined || valueAt(found, inside) === undefined) faults.push(`${quote(text)} leads nowhere`)
    }
    const ref = (text: string): string => {
      const to = referenceOf(text)
      if (to.to === 'component') need(to, to.inside, text)
      else if (to.to === 'elsewhere') faults.push(`${quote(text)} leads out of the document`)
      else if (!at.every((token, i) => to.tokens[i] === token))
        faults.push(`${quote(text)} leads into another part of the document, which does not go with it`)
      else if (valueAt(this.value, to.tokens) === undefined) faults.push(`${quote(text)} leads nowhere`)
      return text
    }
    visited(content, of, {
      ref,
      scheme: (name) => {
        need({ section: 'securitySchemes', name }, [], `security scheme ${name}`)
        return name
      },
      mapping: (text) => {
        if (text.startsWith('#')) ref(text)
        else refs.add(keyOf({ section: 'schemas', name: text }))
        return text
      },
    })
    return { raw: value, content, refs, faults }
  }

  /** A path item may stand elsewhere, and say only where. */
  #resolved(value: Value, path: ResourcePath): Value {
    const seen = new Set<Value>()
    const resolve = (item: Value): Fields => {
      if (!isFields(item)) throw new ReplicationError('invalid', `the path item of ${quote(path)} is no object`)
      const { $ref, ...rest } = item
      if (typeof $ref !== 'string') return item
      const to = referenceOf($ref)
      const tokens =
        to.to === 'component' ? ['components', to.section, to.name, ...to.inside] : to.to === 'document' && to.tokens
      const found = tokens === false ? undefined : valueAt(this.value, tokens)
      const why =
        tokens === false ? 'leads out of the document' : seen.has(item) ? 'leads in a circle' : 'leads nowhere'
      if (found === undefined || seen.has(item))
        throw new ReplicationError('invalid', `${quote(path)}: ${quote($ref)} ${why}`)
      seen.add(item)
      return { ...resolve(found), ...rest }
    }
    return resolve(value)
  }
}

/** All that the keys lead to, each once. */
export function closureOf(
  refs: Iterable<string>,
  component: (name: ComponentName) => Component | undefined,
): Component[] {
  const seen = new Set(refs)
  const found: Component[] = []
  for (const key of seen) {
    const slash = key.indexOf('/')
    const one = component({ section: key.slice(0, slash), name: key.slice(slash + 1) })
    if (one === undefined) continue
    found.push(one)
    for (const ref of one.refs) seen.add(ref)
  }
  return found
}

/** By key the names that packages know, of those that have another; where two would have the same, theirs stay. */
function givenNames(components: readonly Component[]): Map<string, string> {
  const count = new Map<string, number>()
  const wanted = (one: Component): string => keyOf({ section: one.section, name: one.given ?? one.name })
  for (const one of components) count.set(wanted(one), (count.get(wanted(one)) ?? 0) + 1)
  return new Map(
    components.flatMap((one): [string, string][] =>
      one.given !== undefined && count.get(wanted(one)) === 1 ? [[keyOf(one), one.given]] : [],
    ),
  )
}

/** The value, referring to components by other names, given by their keys. */
export function renamed(value: Value, of: ObjectName, names: ReadonlyMap<string, string>): Value {
  if (names.size === 0) return value
  const nameOf = (name: ComponentName): string | undefined => names.get(keyOf(name))
  const ref = (text: string): string => {
    const to = referenceOf(text)
    const name = to.to === 'component' ? nameOf(to) : undefined
    return to.to === 'component' && name !== undefined ? referenceTo({ section: to.section, name }, to.rest) : text
  }
  return visited(value, of, {
    ref,
    scheme: (name) => nameOf({ section: 'securitySchemes', name }) ?? name,
    mapping: (text) => nameOf({ section: 'schemas', name: text }) ?? ref(text),
  })
}

/** A schema that is true or false has no room for the name that it was given. */
export function wrapped(content: Value, given: string): Value {
  if (isFields(content)) return { ...content, [givenName]: given }
  return { allOf: [content], [givenName]: given }
}

function unwrapped(raw: Value): Value {
  const allOf = fieldOf(raw, 'allOf')
  if (fieldOf(raw, givenName) === undefined || !Array.isArray(allOf) || allOf.length !== 1) return raw
  const [only] = allOf as readonly Value[]
  return typeof only === 'boolean' && Object.keys(raw as Fields).length === 2 ? only : raw
}

function pathOf(name: string): ResourcePath {
  if (!name.startsWith('/'))
    throw new ReplicationError('invalid', `the document has a path ${quote(name)}, which does not begin with a slash`)
  return resourcePathOf(name)
}

export function pathsIn(value: Fields): Fields {
  const paths = fieldOf(value, 'paths') ?? {}
  if (!isFields(paths)) throw new ReplicationError('invalid', 'the `paths` of the document are no object')
  return paths
}

function checked(value: Value): Fields {
  if (!isFields(value)) throw new ReplicationError('invalid', 'this is no OpenAPI document: it is no object')
  const version = fieldOf(value, 'openapi')
  if (typeof version === 'string' && /^3\.[01]\.\d/.test(version)) return value
  const swagger = fieldOf(value, 'swagger')
  if (swagger !== undefined)
    throw new ReplicationError('invalid', 'this is a Swagger 2.0 document; convert it to OpenAPI 3.0 or 3.1')
  const found = typeof version === 'string' ? `it says that it is of version ${quote(version)}` : 'it has no `openapi`'
  throw new ReplicationError('invalid', `this is no document of OpenAPI 3.0 or 3.1: ${found}`)
}
