import { ReplicationError } from '../errors.ts'
import { tokensOf, valueAt } from './pointers.ts'
import { fieldOf, isFields, textOf, type Value } from './value.ts'

/** A reference to another resource, as a document has it. */
export interface Link {
  readonly rel: string
  readonly href: string
}

/** How documents say what they are, and what belongs to them. Each answers undefined, or nothing, where a document does not say. */
export interface Schema {
  readonly id: (document: Value) => string | undefined
  readonly type: (document: Value) => string | undefined
  readonly uri: (document: Value) => string | undefined
  /** URIs of what must be there before it. */
  readonly parents: (document: Value) => readonly string[]
  /** What it holds of others: the members of a page. */
  readonly embedded: (document: Value) => readonly Value[]
  /** Without those that are templates, which lead nowhere by themselves. */
  readonly links: (document: Value) => readonly Link[]
}

/** HAL, with the conventions of collections in `items`, of parents in relations `parent:…`, and of types in the path of the URI. */
export const hal: Schema = {
  id: (document) => textOf(fieldOf(document, 'id')),
  type: (document) => typeIn(hal.uri(document)),
  uri: (document) => hrefOf(fieldOf(fieldOf(document, '_links'), 'self')),
  parents: (document) =>
    hal
      .links(document)
      .filter(({ rel }) => rel.startsWith('parent:'))
      .map(({ href }) => href),
  embedded: (document) => {
    const embedded = fieldOf(document, '_embedded')
    const members = isFields(embedded) ? Object.values(embedded) : []
    return [listOf(fieldOf(document, 'items')), ...members.map(oneOrMore)].flat()
  },
  links: (document) => {
    const links = fieldOf(document, '_links')
    return isFields(links)
      ? Object.entries(links).flatMap(([rel, value]) => oneOrMore(value).flatMap((one) => linkOf(rel, one)))
      : []
  },
}

/** Names that say it plainly: `id`, `type`, `uri`, `parents`, `embedded`, `links`. */
export const simple: Schema = {
  id: (document) => textOf(fieldOf(document, 'id')),
  type: (document) => textOf(fieldOf(document, 'type')),
  uri: (document) => textOf(fieldOf(document, 'uri')),
  parents: (document) => hrefsIn(fieldOf(document, 'parents')),
  embedded: (document) => listOf(fieldOf(document, 'embedded')),
  links: (document) => linksIn(fieldOf(document, 'links')),
}

/** JSON Pointers (RFC 6901) to each; absent ones are as in `simple`. */
export type Pointers = Readonly<Partial<Record<keyof Schema, string>>>

/** Throws `invalid` for a pointer that is none. */
export function pointing(pointers: Pointers): Schema {
  const at = (name: keyof Schema): ((document: Value) => Value | undefined) => {
    const pointer = pointers[name]
    return pointer === undefined ? (document) => fieldOf(document, name) : pointed(pointer)
  }
  const [id, type, uri] = [at('id'), at('type'), at('uri')]
  const [parents, embedded, links] = [at('parents'), at('embedded'), at('links')]
  return {
    id: (document) => textOf(id(document)),
    type: (document) => textOf(type(document)) ?? typeIn(textOf(uri(document))),
    uri: (document) => textOf(uri(document)),
    parents: (document) => hrefsIn(parents(document)),
    embedded: (document) => {
      const found = embedded(document)
      return found === undefined ? [] : oneOrMore(found)
    },
    links: (document) => linksIn(links(document)),
  }
}

/** What an endpoint of documents is told of them. */
export type SchemaOption = 'hal' | 'simple' | Pointers

/** HAL when nothing is said. Throws `invalid` for a pointer that is none. */
export function schemaOf(option: SchemaOption = 'hal'): Schema {
  if (option === 'hal') return hal
  return option === 'simple' ? simple : pointing(option)
}

function pointed(pointer: string): (document: Value) => Value | undefined {
  if (!/^(?:\/(?:[^~/]|~[01])*)*$/.test(pointer))
    throw new ReplicationError('invalid', `${JSON.stringify(pointer)} is no JSON Pointer`)
  const names = tokensOf(pointer)
  return (document) => valueAt(document, names)
}

/** The last segment but one of a URI's path: `foo` of `http://host/api/foo/1?x=/y`. */
function typeIn(uri: string | undefined): string | undefined {
  if (uri === undefined || !URL.canParse(uri, 'http://here/')) return undefined
  const segments = new URL(uri, 'http://here/').pathname.split('/').filter((segment) => segment !== '')
  const type = segments.at(-2)
  if (type === undefined) return undefined
  try {
    return decodeURIComponent(type)
  } catch {
    return type
  }
}

function listOf(value: Value | undefined): readonly Value[] {
  return Array.isArray(value) ? (value as readonly Value[]) : []
}

function oneOrMore(value: Value): readonly Value[] {
  return Array.isArray(value) ? (value as readonly Value[]) : isFields(value) ? [value] : []
}

function hrefOf(link: Value | undefined): string | undefined {
  const [one] = link === undefined ? [] : oneOrMore(link)
  const href = fieldOf(one, 'href')
  return typeof href === 'string' ? href : undefined
}

function linkOf(rel: string, link: Value): Link[] {
  const href = typeof link === 'string' ? link : hrefOf(link)
  const isTemplate = fieldOf(link, 'templated') === true || href?.includes('{') === true
  return href === undefined || isTemplate ? [] : [{ rel, href }]
}

/** A list of URIs, or of links. */
function hrefsIn(value: Value | undefined): string[] {
  return listOf(value).flatMap((one) => linkOf('', one).map(({ href }) => href))
}

/** An object of relations, or a list of links that may name theirs. */
function linksIn(value: Value | undefined): Link[] {
  if (isFields(value))
    return Object.entries(value).flatMap(([rel, link]) =>
      (typeof link === 'string' ? [link] : oneOrMore(link)).flatMap((one) => linkOf(rel, one)),
    )
  return listOf(value).flatMap((one) => linkOf(textOf(fieldOf(one, 'rel')) ?? '', one))
}
