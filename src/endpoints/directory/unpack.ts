import { closeSync, openSync, writeFileSync } from 'node:fs'
import type { LargeContent } from '../../packages/content.ts'
import type { EntrySet } from '../../packages/entry-set.ts'
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
  /** Of the wanted entries that delete nothing; the others are there already, and durable. Undefined: nobody knows. */
  readonly visits: EntrySet | undefined
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
  const { paths, place, visits, present, newFolders, changes, unsynced, tell, breath, signal } = unpacking
  let [staged, written, writtenBytes] = [0, 0, 0]
  let toldAt = performance.now()
  const large = new LargeWriter(breath)
  const admission = new Admission(visits)
  const options = { ...(paths !== undefined && { paths }), passes: admission.passes, signal }
  for await (const batch of pkg.deltaBatches(options))
    for (const change of batch) {
      const { entry } = change
      const { before, bytes } = admission.take()
      const presence = await presenceOf(change, present)
      const isInNew = presence === 'other' && goesIntoNew(change, present, newFolders)
      if (isInNew && change.kind === 'folder') addFolder(newFolders, entry.path)
      if (presence === 'other' && !isInNew) changes.add(entry, before)
      else if (presence === 'unsynced') unsynced.add(entry, before)
      if (change.kind === 'put') {
        const { content } = change
        if (presence === 'other') {
          const file = isInNew ? () => newFolders.placeOf(entry.path) : () => `${place}/${staged++}`
          writtenBytes += await writeContent(content, file, change.entry, large)
          written++
        } else if (!Buffer.isBuffer(content)) content.destroy()
      }
      if (breath.due) await breath.take()
      if (performance.now() - toldAt < tellMs) continue
      tell(before + 1, bytes)
      toldAt = performance.now()
    }
  present.end()
  const { entries, bytes } = admission
  tell(entries, bytes)
  return { entries, bytes, staged, written, writtenBytes }
}

/** Sees all entries, in their order, a batch ahead of those that are looked at. */
class Admission {
  entries = 0
  bytes = 0
  readonly #visits: EntrySet | undefined
  /** Of those that are to be looked at: how many come before, and what is in all to it. */
  readonly #ahead: { readonly before: number; readonly bytes: number }[] = []
  #previous: ManifestEntry | undefined
  /** Of those that delete nothing. */
  #number = 0

  constructor(visits: EntrySet | undefined) {
    this.#visits = visits
  }

  /** Whether the entry need not be looked at. Throws `invalid` and `rejected` for what a folder can not hold. */
  readonly passes = (entry: ManifestEntry): boolean => {
    refuseOwn(entry.path)
    refuseUnholdable(entry, this.#previous)
    this.#previous = entry
    if (entry.type === 'file') this.bytes += entry.size
    const before = this.entries++
    const isPassed = entry.type !== 'delete' && this.#visits?.has(this.#number++) === false
    if (!isPassed) this.#ahead.push({ before, bytes: this.bytes })
    return isPassed
  }

  /** Of the next that is looked at. */
  take(): { readonly before: number; readonly bytes: number } {
    const next = this.#ahead.shift()
    if (next === undefined) throw new Error('an entry came that was not admitted')
    return next
  }
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
      writeFileSync(fd, content)
      return content.length
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    throw writeFault(error, quote(path))
  } finally {
    if (!Buffer.isBuffer(content)) content.destroy()
  }
}
