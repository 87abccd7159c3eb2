/** Makes many files durable at once, where the machine can; file by file it takes about a millisecond each. */
import { spawn } from 'node:child_process'
import { closeSync, constants, fsyncSync, openSync } from 'node:fs'
import { once } from 'node:events'
import { ReplicationError } from '../../errors.ts'

/** With so few, file by file is faster, and does not wait for what others write to the same file system. */
export const fewFiles = 32

/**
 * Makes durable all that is written on the file system of the folder at `place`. False: it could not, and whoever asked
 * does it file by file. `sync -f` is one syncfs(2), which node does not offer.
 */
export async function syncFileSystem(place: string, signal: AbortSignal): Promise<boolean> {
  if (process.platform !== 'linux') return false
  // The folder goes as an open file, for its place is a handle of this process.
  const folder = openSync(place, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    const sync = spawn('sync', ['-f', '/proc/self/fd/0'], { stdio: [folder, 'ignore', 'ignore'], signal })
    const [code] = (await once(sync, 'exit')) as [number | null]
    return code === 0
  } catch {
    if (signal.aborted) throw new ReplicationError('unavailable', 'stopped')
    return false
  } finally {
    closeSync(folder)
  }
}

export function syncFile(place: string): void {
  const fd = openSync(place, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
