import type { Multipart, MultipartFile } from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import type { Readable } from 'node:stream'
import { ReplicationError } from '../errors.ts'

/** What an import was asked for, however it was sent. */
export interface ImportBody<Package> {
  readonly fields: Readonly<Record<string, unknown>>
  /** What `receive` made of the upload; absent when a package that is already here was named. */
  readonly received?: Package
}

const maxDocumentBytes = 1024 * 1024
const lists = new Set(['agents', 'paths'])
const known = new Set(['agents', 'paths', 'action', 'package'])

export const multipartLimits = {
  limits: { fields: 4096, files: 2, parts: 4100, fieldSize: maxDocumentBytes, fieldNameSize: 200, headerPairs: 50 },
  /** A package is one whether or not its part has a file name. */
  isPartAFile: (_name: string | undefined, contentType: string | undefined, fileName: string | undefined): boolean =>
    fileName !== undefined || contentType === 'application/zip' || contentType === 'application/octet-stream',
}

/**
 * Reads the body of an import, in any of its forms. The upload is handed to `receive` as it comes, never held. Throws
 * `invalid` when the parts do not fit together.
 */
export async function readImport<Package>(
  request: FastifyRequest,
  receive: (upload: Readable) => Promise<Package>,
): Promise<ImportBody<Package>> {
  if (request.isMultipart()) return readParts(partsOf(request), receive)
  const { body } = request
  if (isStream(body)) return { fields: {}, received: await receive(body) }
  return { fields: (body ?? {}) as Record<string, unknown> }
}

/** The parts of a form. Throws `invalid` for what is none, though it says that it is one. */
export async function* partsOf(request: FastifyRequest): AsyncGenerator<Multipart, void, void> {
  let parts: AsyncIterableIterator<Multipart> | undefined
  for (;;) {
    let next: IteratorResult<Multipart>
    try {
      next = await (parts ??= request.parts()).next()
    } catch (error) {
      // Limits that are exceeded come with a status; what the parser itself throws does not.
      if (!(error instanceof Error) || 'statusCode' in error || request.raw.errored !== null) throw error
      throw new ReplicationError('invalid', `the form cannot be read: ${error.message}`, { cause: error })
    }
    if (next.done === true) return
    yield next.value
  }
}

async function readParts<Package>(
  parts: AsyncIterable<Multipart>,
  receive: (upload: Readable) => Promise<Package>,
): Promise<ImportBody<Package>> {
  const fields: Record<string, unknown> = Object.create(null)
  let upload: { readonly name: string; readonly received: Package } | undefined
  for await (const part of parts) {
    const document = await documentIn(part)
    if (document !== undefined) {
      Object.assign(fields, document)
    } else if (part.type === 'file') {
      if (upload !== undefined)
        throw new ReplicationError('invalid', 'there is more than one file part; send one package')
      upload = { name: part.fieldname, received: await receive(part.file) }
    } else {
      addField(fields, part.fieldname, part.value)
    }
  }
  if (upload === undefined) throw new ReplicationError('invalid', 'there is no file part: the package is missing')
  const named = fields['package'] ?? 'package'
  if (named !== upload.name)
    throw new ReplicationError(
      'invalid',
      `the file part is called ${upload.name}, the field package names ${String(named)}`,
    )
  delete fields['package']
  return { fields, received: upload.received }
}

/** The whole JSON document, when this part is it: by its media type, or as an object in a field of no known name. */
async function documentIn(part: Multipart): Promise<object | undefined> {
  const json = /^application\/(.+\+)?json\b/.test(part.mimetype)
  if (part.type === 'file') return json ? parse(await textOf(part), part.fieldname) : undefined
  const text = String(part.value)
  const whole = !known.has(part.fieldname) && (json || text.trimStart().startsWith('{'))
  if (!whole) return undefined
  return typeof part.value === 'object' && part.value !== null ? part.value : parse(text, part.fieldname)
}

async function textOf({ file }: MultipartFile): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of file as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > maxDocumentBytes) throw new ReplicationError('too-large', 'the JSON document is larger than 1 MiB')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function parse(text: string, name: string): object {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch {
    // Said below, for every way of not being an object.
  }
  throw new ReplicationError('invalid', `the part ${name} is not a JSON object`)
}

function addField(fields: Record<string, unknown>, name: string, value: unknown): void {
  if (!lists.has(name)) {
    if (name in fields) throw new ReplicationError('invalid', `the field ${name} comes twice`)
    fields[name] = value
    return
  }
  const before = (fields[name] ?? []) as unknown[]
  fields[name] = [...before, ...listIn(value)]
}

/** A JSON array, or one of several values. */
function listIn(value: unknown): unknown[] {
  if (Array.isArray(value)) return value
  if (typeof value === 'string' && value.trimStart().startsWith('['))
    try {
      const parsed: unknown = JSON.parse(value)
      if (Array.isArray(parsed)) return parsed
    } catch {
      // Then it is one value that begins with a bracket, as a path never does: the schema says so.
    }
  return [value]
}

function isStream(body: unknown): body is Readable {
  return typeof body === 'object' && body !== null && 'pipe' in body && typeof body.pipe === 'function'
}
