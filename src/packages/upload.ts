import { createWriteStream } from 'node:fs'
import { Transform, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ReplicationError } from '../errors.ts'
import { storageError } from './storage-error.ts'

/**
 * Writes what comes to a new file, and stops at the first byte beyond the limit. Throws `too-large`; `corrupt` when it breaks off;
 * `unavailable` when the disk is full.
 */
export async function writeUpload(
  upload: Readable,
  file: string,
  maxZipBytes: number,
  signal: AbortSignal,
): Promise<void> {
  let bytes = 0
  const limited = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      bytes += chunk.length
      if (bytes <= maxZipBytes) next(null, chunk)
      else next(new ReplicationError('too-large', `the package is larger than ${maxZipBytes} bytes, the limit here`))
    },
  })
  try {
    await pipeline(upload, limited, createWriteStream(file, { flags: 'wx', flush: true, mode: 0o600 }), { signal })
  } catch (cause) {
    signal.throwIfAborted()
    const error = storageError(cause, 'receiving a package')
    if (error instanceof ReplicationError) throw error
    throw new ReplicationError('corrupt', `the upload broke off after ${bytes} bytes; send it again`, { cause })
  }
}
