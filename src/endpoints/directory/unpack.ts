import { closeSync, openSync, writeSync } from 'node:fs'
import type { LargeContent } from '../../packages/content.ts'
import type { ManifestEntry } from '../../packages/manifest.ts'
import { lacking, type DeltaChange, type PackageReader } from '../../packages/reader.ts'
import type { FileEntry } from '../../packages/walk.ts'
import { quote, type ResourcePath } from '../../resources/path.ts'
import { refuseUnholdable } from '../content-or-children.ts'
import type { Breath } from './breath.ts'
import type { ChosenEntries } from './chosen-entries.ts'
import { writeFault } from './faults.ts'
import { LargeWriter, newFile } from './large-writer.ts'
import { refuseOwn } from './own-folder.ts'
import type { NewFolders } from './new-folders.ts'
import type { Presence, Present } from './present.ts'

export interface Unpacking {
  readonly paths: readonly ResourcePath[] | undefined
  /** What to put before `/<name>` to reach what lies in the staging folder. */
  readonly place: string
  readonly present: Present
  /** Get the folders that are not there yet, with all that belongs in them. */
  readonly newFolders: NewFolders
  /** Gets what else is not there yet: its files are staged, named 0, 1, … in the order in which they are chosen. */
  readonly changes: ChosenEntries
  /** Gets what is there, and may not be after a crash. */
  readonly unsynced: ChosenEntries
  readonly tell: (entries: number, bytes: number) => void
  readonly breath: Breath
  readonly signal: AbortSignal
}

export interface Unpacked {
  readonly entries: number
  readonly bytes: number
  /** So many files are staged by themselves. */
  readonly staged: number
  /** So many with those of new folders, and so many bytes are in them. */
  readonly written: number
  readonly writtenBytes: number
}

const tellMs = 500

/**
 * Writes every content that is not there yet to a file in the staging folder, and so verifies all of it before anything changes. Throws what
 * the package does, `incomplete` when it lacks what is not there either, `invalid` and `rejected` for what a folder can not hold, and
 * the errors of writing.
 */
export async function unpack(pkg: PackageReader, unpacking: Unpacking): Promise<Unpacked> {
  const { paths, place, present, newFolders, changes, unsynced, tell, breath, signal } = unpacking
  let [entries, bytes, staged, written, writtenBytes] = [0, 0, 0, 0, 0]
  let toldAt = performance.now()
  let previous: ManifestEntry | undefined
  const large = new LargeWriter(breath)
  for await (const batch of pkg.deltaBatches({ ...(paths !== undefined && { paths }), signal }))
    for (const change of batch) {
      const { entry } = change
      refuseOwn(entry.path)
      refuseUnholdable(entry, previous)
      previous = entry
      const presence = await presenceOf(change, present)
      const isInNew = presence === 'other' && goesIntoNew(change, present, newFolders)
      if (isInNew && change.kind === 'folder') addFolder(newFolders, entry.path)
      if (presence === 'other' && !isInNew) changes.add(entry, entries)
      else if (presence === 'unsynced') unsynced.add(entry, entries)
      if (change.kind === 'put') {
        const { content } = change
        if (presence === 'other') {
          const file = isInNew ? () => newFolders.placeOf(entry.path) : () => `${place}/${staged++}`
          writtenBytes += await writeContent(content, file, change.entry, large)
          written++
        } else if (!Buffer.isBuffer(content)) content.destroy()
      }
      if (entry.type === 'file') bytes += entry.size
      entries++
      if (breath.due) await breath.take()
      if (performance.now() - toldAt < tellMs) continue
      tell(entries, bytes)
      toldAt = performance.now()
    }
  present.end()
  tell(entries, bytes)
  return { entries, bytes, staged, written, writtenBytes }
}

/** Whether it belongs in a folder that is not there yet. */
function goesIntoNew({ kind, entry }: DeltaChange, present: Present, newFolders: NewFolders): boolean {
  const top = kind === 'delete' ? undefined : present.missing(entry.path)
  return top !== undefined && newFolders.takes(top)
}

function addFolder(newFolders: NewFolders, path: ResourcePath): void {
  try {
    newFolders.addFolder(path)
  } catch (error) {
    throw writeFault(error, quote(path))
  }
}

async function presenceOf(change: DeltaChange, present: Present): Promise<Presence> {
  switch (change.kind) {
    case 'folder':
      return present.folder(change.entry.path)
    case 'delete':
      return 'other'
    case 'put':
      return present.same(change.entry, Buffer.isBuffer(change.content) ? change.content : undefined)
    case 'held': {
      const presence = await present.file(change.entry)
      if (presence === 'other') throw lacking(change.entry)
      return presence
    }
  }
}

/** Answers how many bytes these were. */
async function writeContent(
  content: Buffer | LargeContent,
  place: () => string,
  { path, size }: FileEntry,
  large: LargeWriter,
): Promise<number> {
  try {
    if (!Buffer.isBuffer(content)) return await large.write(content, size, place())
    const fd = openSync(place(), newFile)
    try {
      return writeAll(fd, content)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    throw writeFault(error, quote(path))
  } finally {
    if (!Buffer.isBuffer(content)) content.destroy()
  }
}

function writeAll(fd: number, bytes: Uint8Array): number {
  let written = 0
  while (written < bytes.length) written += writeSync(fd, bytes, written)
  return written
}
