/** What a definition refers to. */
import { isFields, type Fields, type Value } from '../../documents/value.ts'
import { settled, shapeOf, type ObjectName, type Shape } from './shapes.ts'

export interface ComponentName {
  readonly section: string
  readonly name: string
}

/** What a `$ref` names. */
export type Reference =
  /** `inside`: the way on from the component, names as the text has them. */
  | (ComponentName & { readonly to: 'component'; readonly inside: readonly string[]; readonly rest: string })
  | { readonly to: 'document'; readonly tokens: readonly string[] }
  | { readonly to: 'elsewhere' }

export function referenceOf(text: string): Reference {
  if (text !== '#' && !text.startsWith('#/')) return { to: 'elsewhere' }
  const written = text.split('/').slice(1)
  const tokens = written.map((token) => decoded(token).replaceAll('~1', '/').replaceAll('~0', '~'))
  const [root, section, name, ...inside] = tokens
  if (root !== 'components' || section === undefined || name === undefined) return { to: 'document', tokens }
  const rest = written.slice(3).map((token) => `/${token}`)
  return { to: 'component', section, name, inside, rest: rest.join('') }
}

/** A reference is part of a URI. */
function decoded(token: string): string {
  try {
    return decodeURIComponent(token)
  } catch {
    return token
  }
}

export function referenceTo({ section, name }: ComponentName, rest = ''): string {
  return `#/components/${section}/${encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))}${rest}`
}

/** Told of each text that refers to something, and answers what shall stand instead. */
export interface Visitor {
  /** A `$ref`. */
  ref(text: string): string
  /** A security scheme, by its name. */
  scheme(name: string): string
  /** A schema, by its name or as a `$ref` does it. */
  mapping(text: string): string
}

/** The value with what the visitor answers; the same one where that is all the same. */
export function visited(value: Value, of: ObjectName, visitor: Visitor): Value {
  return visit(value, { object: of }, visitor)
}

function visit(value: Value, any: Shape, visitor: Visitor): Value {
  const shape = settled(any, value)
  if (shape === 'literal' || typeof value !== 'object' || value === null) return value
  if ('list' in shape)
    return Array.isArray(value)
      ? withItems(value as readonly Value[], (item) => visit(item, shape.list, visitor))
      : value
  if (!isFields(value)) return value
  if ('map' in shape) return withMembers(value, (member) => visit(member, shape.map, visitor))
  const of = shape.object
  return withMembers(value, (member, name) => {
    if (name === '$ref' && typeof member === 'string' && of !== 'plain') return visitor.ref(member)
    if (name === 'security' && of === 'operation') return requirements(member, visitor)
    if (name === 'discriminator' && of === 'schema') return discriminator(member, visitor)
    return visit(member, shapeOf(of, name), visitor)
  })
}

function requirements(value: Value, visitor: Visitor): Value {
  if (!Array.isArray(value)) return value
  return withItems(value as readonly Value[], (item) => {
    if (!isFields(item)) return item
    const members = Object.entries(item).map(([name, scopes]): [string, Value] => [visitor.scheme(name), scopes])
    return Object.keys(item).every((name, i) => members[i]?.[0] === name) ? item : Object.fromEntries(members)
  })
}

function discriminator(value: Value, visitor: Visitor): Value {
  if (!isFields(value)) return value
  return withMembers(value, (member, name) =>
    name === 'mapping' && isFields(member)
      ? withMembers(member, (to) => (typeof to === 'string' ? visitor.mapping(to) : to))
      : member,
  )
}

function withItems(items: readonly Value[], change: (item: Value) => Value): Value {
  const changed = items.map(change)
  return changed.every((item, i) => item === items[i]) ? items : changed
}

function withMembers(fields: Fields, change: (member: Value, name: string) => Value): Value {
  let isSame = true
  const members = Object.entries(fields).map(([name, member]): [string, Value] => {
    const next = change(member, name)
    isSame &&= next === member
    return [name, next]
  })
  return isSame ? fields : Object.fromEntries(members)
}
