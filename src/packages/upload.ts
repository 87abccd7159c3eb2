import { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ReplicationError } from '../errors.ts'
import { guarded, storageError } from './storage-error.ts'
import { UploadFile } from './upload-file.ts'

/** An upload that did not come to its end. */
export class BrokenOff extends ReplicationError {
  constructor(bytes: number, cause: unknown) {
    super('corrupt', `the upload broke off after ${bytes} bytes; send it again`, { cause })
  }
}

/** A file that can be read whole, and is not yet safe. */
export interface Uploaded {
  /** Answers when it is on the disk. Throws `unavailable`. */
  readonly flushed: () => Promise<void>
}

/**
 * Writes what comes to a new file, or behind the first `from` bytes of one that is there, and stops at the first byte beyond the limit. Whatever
 * it throws, nothing is written any more: `too-large`; `BrokenOff`; `unavailable` when the disk is full. When it answers, the file is being flushed.
 */
export async function writeUpload(
  upload: Readable,
  { file, from = 0 }: { readonly file: string; readonly from?: number },
  maxZipBytes: number,
  signal: AbortSignal,
): Promise<Uploaded> {
  // What comes from a connection was made for this alone.
  const out = new UploadFile(file, from, upload instanceof IncomingMessage)
  let bytes = from
  // Before it gathers.
  upload.on('data', (chunk: Uint8Array) => {
    bytes += chunk.length
    if (bytes > maxZipBytes)
      out.destroy(new ReplicationError('too-large', `the package is larger than ${maxZipBytes} bytes, the limit here`))
  })
  try {
    await pipeline(upload, out, { signal })
    return { flushed: () => guarded('receiving a package', () => out.flushed()) }
  } catch (cause) {
    // Until then it is written to.
    if (!out.closed) await new Promise<void>((resolve) => out.once('close', () => resolve()))
    signal.throwIfAborted()
    const error = storageError(cause, 'receiving a package')
    if (error instanceof ReplicationError) throw error
    throw new BrokenOff(bytes, cause)
  }
}
