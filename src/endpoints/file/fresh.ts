/** Putting a new file where nothing is, whole or not at all. */
import { closeSync, constants, copyFileSync, fchmodSync, fsyncSync, linkSync, openSync, unlinkSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { ReplicationError } from '../../errors.ts'
import { rootPath } from '../../resources/path.ts'
import { codeOf, writeFault } from '../directory/faults.ts'
import { makeRoot } from '../directory/root.ts'
import type { Whereabouts } from './whereabouts.ts'

/** File systems without hard links. */
const noLinks: ReadonlySet<string> = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK'])

/**
 * Makes the file of what `write` writes; its folder too, where there is none. Throws `conflict` where something is there already,
 * which is never replaced.
 */
export async function placeFresh<T>(
  { folder, name }: Whereabouts,
  mode: number | undefined,
  write: (fd: number) => Promise<T>,
): Promise<T> {
  const folders = makeRoot(folder)
  try {
    const place = folders.at(rootPath)
    const staged = `${place}/.trebuchet-new-${randomUUID()}`
    let made: T
    try {
      const fd = openSync(staged, 'wx', 0o666)
      try {
        made = await write(fd)
        if (mode !== undefined) fchmodSync(fd, mode & 0o777)
        fsyncSync(fd)
      } finally {
        closeSync(fd)
      }
      placeOnce(staged, `${place}/${name}`)
    } finally {
      remove(staged)
    }
    folders.sync(rootPath)
    return made
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw taken(error)
    throw writeFault(error, 'the new file')
  } finally {
    folders.close()
  }
}

export function taken(cause?: unknown): ReplicationError {
  return new ReplicationError('conflict', 'there is something at the new place already, which is not replaced', {
    cause,
  })
}

function placeOnce(staged: string, place: string): void {
  try {
    linkSync(staged, place)
  } catch (error) {
    if (!noLinks.has(codeOf(error))) throw error
    // Not in one step, so a crash may leave a part of it; but it, too, replaces nothing.
    copyFileSync(staged, place, constants.COPYFILE_EXCL)
    const fd = openSync(place, 'r+')
    try {
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
  }
}

function remove(place: string): void {
  try {
    unlinkSync(place)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
}
