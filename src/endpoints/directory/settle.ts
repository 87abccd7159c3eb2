import type { ResourcePath } from '../../resources/path.ts'
import { parentPath, rootPath, segmentsOf } from '../../resources/path.ts'
import type { Breath } from './breath.ts'
import { fewFiles, syncFile, syncFileSystem, timeBehind } from './durable.ts'
import { readFault } from './faults.ts'
import type { HeldFolders } from './held-folders.ts'
import type { LaneFolder } from './lane-folder.ts'
import { syncFolders, type Move } from './move.ts'

/** Some entries. */
export interface Some {
  readonly count: number
  entries(): AsyncIterable<Move> | Iterable<Move>
}

export interface Settling {
  readonly folders: HeldFolders
  readonly lane: LaneFolder
  readonly staging: string
  /** What was on the file system before this time is durable, ms; 0 where that is not known. */
  readonly syncedBefore: number
  /** New folders that came to their places, durable but for their names. */
  readonly placed: readonly ResourcePath[]
  /** What else was moved into place. */
  readonly changes: Some
  /** What was there, and may not be after a crash. */
  readonly unsynced: Some
  /** What was removed. */
  readonly surplus: Some
  readonly breath: Breath
  readonly signal: AbortSignal
}

export const nothing: Some = { count: 0, async *entries(): AsyncGenerator<Move, void, void> {} }

/** Makes all that the target holds of a package durable, and remembers it of the lane where that was one call for all. */
export async function settle({
  folders,
  lane,
  staging,
  syncedBefore,
  placed,
  changes,
  unsynced,
  surplus,
  breath,
  signal,
}: Settling): Promise<void> {
  // What was there was looked at before that.
  const unsyncedCount = syncedBefore > 0 ? 0 : unsynced.count
  const count = placed.length + changes.count + unsyncedCount + surplus.count
  if (count > fewFiles) {
    const before = await timeBehind(staging)
    if (await syncFileSystem(staging, signal)) {
      lane.durableBefore = before
      return
    }
  }
  if (unsyncedCount > 0) await syncThere(folders, unsynced, breath)
  const names = placed.map((path) => ({ type: 'folder' as const, path }))
  await syncFolders(folders, names, breath)
  await syncFolders(folders, changes.entries(), breath)
  await syncFolders(folders, surplus.entries(), breath)
  if (syncedBefore > 0) lane.durableBefore = syncedBefore
}

async function syncThere(folders: HeldFolders, unsynced: Some, breath: Breath): Promise<void> {
  for await (const { type, path } of unsynced.entries()) {
    if (type !== 'file') continue
    try {
      syncFile(`${folders.at(parentPath(path) ?? rootPath)}/${segmentsOf(path).at(-1) ?? ''}`)
    } catch (error) {
      throw readFault(error, path)
    }
    if (breath.due) await breath.take()
  }
  await syncFolders(folders, unsynced.entries(), breath)
}
