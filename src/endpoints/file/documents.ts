/** The documents of one file, in a thread. */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs'
import type { Document } from '../../documents/names.ts'
import { resourcesIn } from '../../documents/resources.ts'
import type { Schema } from '../../documents/schema.ts'
import { formatOf, readDocuments, type StreamFormat } from '../../documents/streams/read.ts'
import { ReplicationError } from '../../errors.ts'
import type { Breath } from '../directory/breath.ts'
import { codeOf } from '../directory/faults.ts'
import { differs, settled } from '../directory/stable-file.ts'
import { rootPath } from '../../resources/path.ts'

const chunkBytes = 256 * 1024
const what = "the file endpoint's file"

export interface OpenDocuments {
  /** What the file was when it was opened. */
  readonly stats: Stats
  /** As it was said, or as it looks; undefined for a file with nothing in it. */
  readonly format: StreamFormat | undefined
  readonly documents: AsyncGenerator<Document, void, void>
}

/**
 * Undefined when there is no such file. The documents are read once, and the file is closed when they have been, or when
 * they are left. Throws `invalid`, `rejected`, `unavailable`, also when the file changes meanwhile.
 */
export function openDocuments(
  file: string,
  format: StreamFormat | undefined,
  schema: Schema,
  breath: Breath,
): OpenDocuments | undefined {
  let fd: number | undefined
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
    const found = fstatSync(fd)
    if (found.isDirectory()) throw new ReplicationError('invalid', `${what} is a folder; correct its path`)
    if (!found.isFile()) throw new ReplicationError('invalid', `${what} is no plain file; correct its path`)
    const stats = settled(fd, rootPath)
    const documents = documentsIn(fd, stats, format, schema, breath)
    const open = { stats, documents, format: format ?? formatSeen(fd) }
    fd = undefined
    return open
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw readFault(error)
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

const lookBytes = 4096

/** In which format it is to be written again. */
function formatSeen(fd: number): StreamFormat | undefined {
  const bytes = Buffer.alloc(lookBytes)
  const text = bytes.toString('utf8', 0, readSync(fd, bytes, 0, lookBytes, 0)).replace(/^\ufeff/, '')
  const format = formatOf(text)
  return format === 'json' && text.trimStart().startsWith('{') ? 'ndjson' : format
}

async function* documentsIn(
  fd: number,
  stats: Stats,
  format: StreamFormat | undefined,
  schema: Schema,
  breath: Breath,
): AsyncGenerator<Document, void, void> {
  try {
    for await (const { value, number, line } of readDocuments(chunksOf(fd, stats, breath), { format })) {
      let named: Document[]
      try {
        named = resourcesIn(value, schema)
      } catch (error) {
        if (!(error instanceof ReplicationError)) throw error
        throw new ReplicationError(error.code, `document ${number} on line ${line}: ${error.message}`, { cause: error })
      }
      yield* named
    }
  } catch (error) {
    throw error instanceof ReplicationError && error.code === 'invalid'
      ? new ReplicationError('invalid', `${what}: ${error.message}`, { cause: error })
      : readFault(error)
  } finally {
    closeSync(fd)
  }
}

async function* chunksOf(fd: number, stats: Stats, breath: Breath): AsyncGenerator<Uint8Array, void, void> {
  const bytes = Buffer.allocUnsafe(chunkBytes)
  for (let got = readSync(fd, bytes); got > 0; got = readSync(fd, bytes)) {
    yield bytes.subarray(0, got)
    if (breath.due) await breath.take()
  }
  if (differs(stats, fstatSync(fd))) throw changed()
}

export function changed(cause?: unknown): ReplicationError {
  return new ReplicationError('unavailable', `${what} changed meanwhile; the run is to be repeated`, { cause })
}

function readFault(error: unknown): unknown {
  const code = codeOf(error)
  if (error instanceof ReplicationError || code === '') return error
  if (code === 'EACCES' || code === 'EPERM')
    return new ReplicationError('rejected', `${what} can not be read: the server's user may not`, { cause: error })
  if (code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENAMETOOLONG')
    return new ReplicationError('invalid', `${what} can not be there; correct its path`, { cause: error })
  return new ReplicationError('unavailable', `${what} can not be read now (${code})`, { cause: error })
}
