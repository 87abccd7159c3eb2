/** Opening the one file, in a thread. */
import { closeSync, constants, fstatSync, readSync, type Stats } from 'node:fs'
import { ReplicationError } from '../../errors.ts'
import { rootPath } from '../../resources/path.ts'
import type { Breath } from '../directory/breath.ts'
import { codeOf } from '../directory/faults.ts'
import { openPlainFile } from '../directory/plain-path.ts'
import { differs, settled } from '../directory/stable-file.ts'

const chunkBytes = 256 * 1024
export const what = "the file endpoint's file"

/**
 * What `use` makes of the open file, no link followed, which has been still for as long as the clock cannot tell; it closes the file if it answers
 * something. Undefined when there is no such file. Throws `invalid`, `rejected`, `unavailable`.
 */
export function opened<T>(file: string, use: (fd: number, stats: Stats) => T): T | undefined {
  let fd: number | undefined
  try {
    fd = openPlainFile(file, constants.O_RDONLY | constants.O_NONBLOCK)
    const found = fstatSync(fd)
    if (found.isDirectory()) throw new ReplicationError('invalid', `${what} is a folder; correct its path`)
    if (!found.isFile()) throw new ReplicationError('invalid', `${what} is no plain file; correct its path`)
    const made = use(fd, settled(fd, rootPath))
    fd = undefined
    return made
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw readFault(error)
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** Throws `unavailable` when the file changes meanwhile. */
export async function* chunksOf(fd: number, stats: Stats, breath: Breath): AsyncGenerator<Uint8Array, void, void> {
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

export function readFault(error: unknown): unknown {
  const code = codeOf(error)
  if (error instanceof ReplicationError || code === '') return error
  if (code === 'EACCES' || code === 'EPERM')
    return new ReplicationError('rejected', `${what} can not be read: the server's user may not`, { cause: error })
  if (code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENAMETOOLONG')
    return new ReplicationError('invalid', `${what} can not be there; correct its path`, { cause: error })
  return new ReplicationError('unavailable', `${what} can not be read now (${code})`, { cause: error })
}
