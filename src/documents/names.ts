import { ReplicationError } from '../errors.ts'
import { parsePath, quote, segmentsOf, type ResourcePath } from '../resources/path.ts'
import type { Value } from './value.ts'

/** What names a document among all: as text, whatever it is in the document itself. */
export interface DocumentName {
  readonly type: string
  readonly id: string
}

export interface Document extends DocumentName {
  readonly value: Value
}

/** What no segment of a path, and no name of a file, can be or have in it; and `%`, so that it can be told apart. */
const unsafe = /[%/\p{Cc}]/gu
/** Names that need no look. */
const usual = /^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/
/** The longest name that file systems hold, less what is put behind it. */
const maxNameBytes = 255 - '.yaml'.length

/** As one segment of a path, or the name of a file without its ending: any text, reversibly. Throws `invalid`. */
export function encodeName(name: string): string {
  if (name.length < 200 && usual.test(name)) return name
  if (name === '') throw new ReplicationError('invalid', 'an empty type or id cannot name a document')
  if (!name.isWellFormed()) throw new ReplicationError('invalid', `${quote(name)} is not well-formed Unicode`)
  const encoded = name.replaceAll(unsafe, percent).replace(/^\./, '%2E')
  if (Buffer.byteLength(encoded) > maxNameBytes)
    throw new ReplicationError('invalid', `${quote(name)} is longer than a name of a file can be`)
  return encoded
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}

/** Throws `invalid` for what `encodeName` cannot have made. */
export function decodeName(encoded: string): string {
  if (encoded.length < 200 && usual.test(encoded)) return encoded
  const name = encoded.replaceAll(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  if (encodeName(name) !== encoded) throw new ReplicationError('invalid', `${quote(encoded)} is no name of a document`)
  return name
}

/** Where the document is among resources: `/<type>/<id>`. Throws `invalid`. */
export function pathOf({ type, id }: DocumentName): ResourcePath {
  return parsePath(`/${encodeName(type)}/${encodeName(id)}`)
}

/** The document that a path names; undefined for one that names none, such as that of a type. Throws `invalid`. */
export function nameAt(path: ResourcePath): DocumentName | undefined {
  const [type, id, ...more] = segmentsOf(path)
  if (type === undefined || id === undefined || more.length > 0) return undefined
  return { type: decodeName(type), id: decodeName(id) }
}
