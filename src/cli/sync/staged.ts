import { randomBytes } from 'node:crypto'
import { chmod, open, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ReplicationError } from '../../errors.ts'
import { Ending, exitCodes } from '../ending.ts'
import { linkTree } from './link-tree.ts'
import type { Named } from './named.ts'
import type { SyncOptions } from './options.ts'

/** Where a run writes: the destination itself, or what takes its place at the end. */
export interface Staged {
  readonly destination: Named
  /** Until `take` the destination is as it was. */
  readonly isWhole: boolean
  take(): Promise<void>
  /** Instead of `take`: nothing of it stays. May be called after it has failed. */
  leave(): Promise<void>
}

/**
 * Beside the destination, in the same file system: a new file where one is replaced (`--rm`), a copy of a directory
 * that shall change as a whole (`--atomic`). Otherwise the destination itself.
 */
export async function stagedFor(destination: Named, { rm: anew, atomic }: SyncOptions): Promise<Staged> {
  const { medium, path } = destination
  if (path === undefined) return inPlace(destination)
  if (medium === 'directory' && atomic) return exchanged(destination, path)
  if (medium === 'file' && anew && (await exists(path))) return replaced(destination, await realpath(path))
  return inPlace(destination)
}

function inPlace(destination: Named): Staged {
  const { medium, path, empty } = destination
  return {
    destination,
    isWhole: false,
    async take() {
      // What has no resources is written too.
      if (medium === 'file' && path !== undefined) await writeNew(path, empty ?? '')
    },
    leave: async () => undefined,
  }
}

async function writeNew(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx', flush: true })
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'EEXIST') throw error
  }
}

function replaced(destination: Named, path: string): Staged {
  const next = besides(path)
  const inner = inPlace(destination.at?.(next) ?? destination)
  return {
    destination: inner.destination,
    isWhole: true,
    async take() {
      await inner.take()
      await chmod(next, (await stat(path)).mode & 0o7777)
      await rename(next, path)
      await syncFolder(dirname(path))
    },
    leave: () => rm(next, { force: true }),
  }
}

async function exchanged(destination: Named, given: string): Promise<Staged> {
  const path = await realpath(given).catch(() => given)
  const next = besides(path)
  const wasThere = await exists(path)
  try {
    if (wasThere) await linkTree(path, next)
  } catch (error) {
    await rm(next, { recursive: true, force: true })
    throw new ReplicationError('rejected', `no copy could be made beside it: ${(error as Error).message}`, {
      cause: error,
    })
  }
  return {
    destination: destination.at?.(next) ?? destination,
    isWhole: true,
    async take() {
      if (wasThere) await rename(path, replacedName(path))
      try {
        await rename(next, path)
      } catch (error) {
        if (wasThere) await rename(replacedName(path), path)
        throw error
      }
      await syncFolder(dirname(path))
      if (!wasThere) return
      // Under another name first: what has the known one is never half removed.
      const old = besides(path)
      await rename(replacedName(path), old)
      await rm(old, { recursive: true, force: true })
    },
    leave: () => rm(next, { recursive: true, force: true }),
  }
}

/** What a directory is called while another takes its place: for the time between two renames. */
function replacedName(path: string): string {
  return join(dirname(path), `.${basename(path)}.trebuchet-replaced`)
}

/** Puts a directory back that a run was killed over. Throws an Ending when something else is there by now. */
export async function recover({ argument, medium, path: given }: Named): Promise<void> {
  if (medium !== 'directory' || given === undefined) return
  const path = await realpath(given).catch(() => given)
  const old = replacedName(path)
  if (!(await exists(old))) return
  if (await exists(path))
    throw new Ending(
      exitCodes.failed,
      `${old} is what ${argument} was before a run that was killed: move what is needed out of it, and remove it`,
    )
  await rename(old, path)
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}

function besides(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(4).toString('hex')}.partial`)
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
