/** Makes many files durable at once, where the machine can; file by file it takes about a millisecond each. */
import { spawn } from 'node:child_process'
import { closeSync, constants, fsyncSync, lstatSync, openSync, utimesSync } from 'node:fs'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { ReplicationError } from '../../errors.ts'
import type { Breath } from './breath.ts'

/** With so few, file by file is faster, and does not wait for what others write to the same file system. */
export const fewFiles = 32

/** Longer than the clock that stamps files stands still, by far. */
const maxWaits = 50

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

/**
 * A time by the clock of the file system that is later than that of whatever was changed so far, ms. The folder at `place` is the
 * caller's own.
 */
export async function timeBehind(place: string): Promise<number> {
  // It may not have been changed itself for a while.
  utimesSync(place, new Date(), new Date())
  const before = lstatSync(place).ctimeMs
  for (let waits = 0; ; waits++) {
    utimesSync(place, new Date(), new Date())
    const { ctimeMs } = lstatSync(place)
    // A clock that stands still: nothing is known to lie before it.
    if (ctimeMs > before || waits === maxWaits) return ctimeMs > before ? ctimeMs : 0
    await setTimeout(1)
  }
}

/** Makes one file durable. `place` is not followed if it is a link. Throws the errors of node:fs. */
export function syncFile(place: string): void {
  const fd = openSync(place, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/**
 * Makes durable the files 0, 1, … of the folder at `place`, and so many in new folders there, which can do that one by one. Answers since when
 * something on their file system may not be durable, by its clock, ms; 0 when it was only these.
 */
export async function syncStaged(
  place: string,
  files: number,
  breath: Breath,
  signal: AbortSignal,
  newFolders?: { readonly count: number; readonly sync: () => void },
): Promise<number> {
  if (files + (newFolders?.count ?? 0) > fewFiles) {
    const before = await timeBehind(place)
    if (await syncFileSystem(place, signal)) return before
  }
  newFolders?.sync()
  for (let file = 0; file < files; file++) {
    syncFile(`${place}/${file}`)
    if (breath.due) await breath.take()
  }
  return 0
}
