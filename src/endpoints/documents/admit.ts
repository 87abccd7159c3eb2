import { isUtf8 } from 'node:buffer'
import type { Readable } from 'node:stream'
import { parseJson } from '../../documents/json.ts'
import { nameAt, pathOf, type DocumentName } from '../../documents/names.ts'
import { resourcesIn } from '../../documents/resources.ts'
import type { Schema } from '../../documents/schema.ts'
import type { Value } from '../../documents/value.ts'
import { ReplicationError } from '../../errors.ts'
import type { ManifestEntry } from '../../packages/manifest.ts'
import { parentPath, quote, type ResourcePath } from '../../resources/path.ts'

/** As many bytes as a document may have when it is read from a file. */
const maxBytes = 64 * 1024 * 1024

/**
 * The document that a package puts at the path. Throws `invalid`, naming the path, for what is none, or says that it is
 * another one: it would not be found again. With `inPlace` the place where it will be says what it does not say itself.
 */
export async function documentAt(
  path: ResourcePath,
  content: Uint8Array | Readable,
  schema: Schema,
  inPlace: boolean,
): Promise<Value> {
  const bytes = await wholeOf(path, content)
  const place = nameOfDocument(path)
  if (!isUtf8(bytes)) throw refused(path, 'its content is no document: it is not in UTF-8')
  try {
    const value = parseJson(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString())
    const [found, ...more] = resourcesIn(value, schema, inPlace ? place : {})
    if (found === undefined || more.length > 0 || found.value !== value)
      throw new ReplicationError('invalid', 'it is a list of others')
    if (pathOf(found) !== path)
      throw new ReplicationError('invalid', `it says that it is ${quote(`${found.type}/${found.id}`)}`)
    return value
  } catch (error) {
    if (error instanceof ReplicationError) throw refused(path, error.message, error)
    throw error
  }
}

/** Throws `invalid` for what no document can be at, and no type either. */
export function refuseStray({ type, path }: ManifestEntry): void {
  if (type === 'file') nameOfDocument(path)
  // A folder is a type, which is there as soon as there is a document of it.
  else if (type === 'folder' && (parentPath(path) ?? '/') !== '/') throw refused(path, 'a document holds no others')
}

function nameOfDocument(path: ResourcePath): DocumentName {
  const name = nameAt(path)
  if (name === undefined) throw refused(path, 'a document is at a path of two segments, its type and its id')
  return name
}

/** Throws `too-large`. */
export async function wholeOf(path: ResourcePath, content: Uint8Array | Readable): Promise<Uint8Array> {
  if (content instanceof Uint8Array) return content
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of content) {
    chunks.push(chunk as Uint8Array)
    bytes += (chunk as Uint8Array).length
    if (bytes > maxBytes)
      throw new ReplicationError('too-large', `${quote(path)} is larger than a document may be, ${maxBytes} bytes`)
  }
  return Buffer.concat(chunks)
}

function refused(path: ResourcePath, why: string, cause?: unknown): ReplicationError {
  return new ReplicationError('invalid', `${quote(path)} cannot be held as a document: ${why}`, { cause })
}
