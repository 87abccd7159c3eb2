/** The documents of one file, in a thread. */
import { closeSync, readSync, type Stats } from 'node:fs'
import type { Document } from '../../documents/names.ts'
import { resourcesIn } from '../../documents/resources.ts'
import type { Schema } from '../../documents/schema.ts'
import { formatOf, readDocuments, type StreamFormat } from '../../documents/streams/read.ts'
import { ReplicationError } from '../../errors.ts'
import type { Breath } from '../directory/breath.ts'
import { chunksOf, opened, readFault, what } from './open.ts'

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
  return opened(file, (fd, stats) => ({
    stats,
    format: format ?? formatSeen(fd),
    documents: documentsIn(fd, stats, format, schema, breath),
  }))
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
