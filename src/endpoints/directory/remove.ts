import { closeSync, fchmodSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs'
import { ReplicationError } from '../../errors.ts'
import type { Breath } from './breath.ts'
import { codeOf } from './faults.ts'
import { openFolder, rawPlace } from './held-folders.ts'

/**
 * Removes all that lies in a folder of the server's own, following no link. What can not be removed only takes room, so
 * it stays and that is no error; being stopped is.
 */
export async function emptyFolder(place: string | Buffer, breath: Breath): Promise<void> {
  try {
    const folder = openFolder(place)
    try {
      // What was moved here keeps its mode, also one that lets nobody remove what is in it.
      if (folder.fd !== undefined) fchmodSync(folder.fd, 0o700)
      for (const raw of readdirSync(folder.place, 'latin1')) {
        if (breath.due) await breath.take()
        const child = rawPlace(folder.place, raw)
        if (!unlinked(child)) await removeFolder(child, breath)
      }
    } finally {
      if (folder.fd !== undefined) closeSync(folder.fd)
    }
  } catch (error) {
    if (error instanceof ReplicationError) throw error
  }
}

/** The same, and then the folder itself. */
export async function removeFolder(place: string | Buffer, breath: Breath): Promise<void> {
  await emptyFolder(place, breath)
  try {
    rmdirSync(place)
  } catch {
    // It holds what could not be removed.
  }
}

function unlinked(place: Buffer): boolean {
  try {
    unlinkSync(place)
    return true
  } catch (error) {
    return codeOf(error) === 'ENOENT'
  }
}
