import { parseJson, printJson } from '../documents/json.ts'
import { fieldOf, isFields, type Value } from '../documents/value.ts'
import { parseYaml } from '../documents/yaml.ts'
import { ReplicationError } from '../errors.ts'

/** What a content is for whoever compares: `openapi` a whole document, `openapi-path` one path of it as kind `openapi` gives it. */
export type Format = StructuredFormat | 'text' | 'bytes'

/** Those that have parts. */
export type StructuredFormat = 'json' | 'yaml' | 'openapi' | 'openapi-path'

/** A content as far as it can be understood. What does not parse is text, what is no text is bytes. */
export type ReadContent =
  | {
      readonly format: StructuredFormat
      readonly value: Value
      readonly text: string
      readonly syntax: 'json' | 'yaml'
    }
  | { readonly format: 'text'; readonly text: string }
  | { readonly format: 'bytes' }

/** Keeps a byte order mark: it is a difference, even if one that does not show. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * What the content is, by the ending of the path: `.json`, `.yaml`, `.yml`. Without an ending it is JSON when it is an object or
 * a list of it; with any other, when it is JSON exactly as endpoints of documents write it, whose ids may well have points in
 * them. YAML with several documents is text. Takes time and room in proportion to the bytes: the caller says how many are too many.
 */
export function contentOf(path: string, bytes: Uint8Array, hint?: 'openapi-path'): ReadContent {
  const text = textOf(bytes)
  if (text === undefined) return { format: 'bytes' }
  const plain = text.startsWith('\ufeff') ? text.slice(1) : text
  const syntax = hint === undefined && /\.ya?ml$/i.test(path) ? 'yaml' : 'json'
  const value = syntax === 'yaml' ? unless(() => parseYaml(plain)) : jsonIn(path, plain, hint)
  if (value === undefined) return { format: 'text', text }
  const format = hint !== undefined && isPathContent(value) ? hint : isOpenApi(value) ? 'openapi' : syntax
  return { format, value, text, syntax }
}

export function formatOf(path: string, bytes: Uint8Array, hint?: 'openapi-path'): Format {
  return contentOf(path, bytes, hint).format
}

function textOf(bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return undefined
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

function jsonIn(path: string, text: string, hint: string | undefined): Value | undefined {
  if (hint !== undefined || /\.json$/i.test(path)) return unless(() => parseJson(text))
  if (!/^\s*[[{]/.test(text)) return undefined
  const value = unless(() => parseJson(text))
  const ended = /\.[^./]*$/.test(path)
  return value !== undefined && (!ended || text === `${printJson(value)}\n`) ? value : undefined
}

function unless(parse: () => Value | undefined): Value | undefined {
  try {
    return parse()
  } catch (error) {
    if (error instanceof ReplicationError) return undefined
    throw error
  }
}

function isOpenApi(value: Value): boolean {
  const version = fieldOf(value, 'openapi') ?? fieldOf(value, 'swagger')
  return typeof version === 'string' && isFields(fieldOf(value, 'paths'))
}

/** What else is in it would not be compared. */
function isPathContent(value: Value): boolean {
  if (!isFields(value) || !isFields(fieldOf(value, 'item'))) return false
  return Object.keys(value).every((name) => name === 'item' || (name === 'components' && isFields(value[name])))
}

/** Whether the content at a path is worth a look: what is not named as a document seldom is one. */
export function mayBeDocument(path: string): boolean {
  return /(?:^|\/)[^./]*$|\.(?:json|ya?ml)$/i.test(path)
}

export function isNamedDocument(path: string): boolean {
  return /\.(?:json|ya?ml)$/i.test(path)
}
