/** What lies in a folder, in path order. For threads: all calls are synchronous. */
import { isUtf8 } from 'node:buffer'
import { lstatSync, opendirSync, readdirSync, type Dirent, type Stats } from 'node:fs'
import { ReplicationError } from '../../errors.ts'
import { childPath, parentPath, quote, segmentsOf, type ResourcePath } from '../../resources/path.ts'
import { Breath } from './breath.ts'
import { readFault } from './faults.ts'
import { isAbsent, rawPlace, type HeldFolders } from './held-folders.ts'
import { isOwn } from './own-folder.ts'

export interface Found {
  readonly path: ResourcePath
  readonly folder: boolean
  /** `known` has said so. */
  readonly known?: true
}

export interface WalkOptions {
  readonly deep: boolean
  /** Told of links, sockets and devices, which are passed over. */
  readonly note: (note: string) => void
  readonly signal: AbortSignal
  /** Paths that are passed over with all below them, without a note. */
  readonly skips?: (path: ResourcePath) => boolean
  /** Whether it is a file of which all is known. What it is asked about is not looked at before, all else is. */
  readonly known?: (path: ResourcePath) => boolean
}

/**
 * The file or folder at `start` and all below it, parents first. Holds the names of one folder for each level. Nothing
 * at `start`: nothing. Names that no path can stand for are collected, and thrown together at the end (`invalid`).
 */
export async function* walk(held: HeldFolders, start: ResourcePath, options: WalkOptions): AsyncGenerator<Found> {
  const breath = new Breath(options.signal)
  for (const found of walkAtOnce(held, start, options)) {
    if (breath.due) await breath.take()
    yield found
  }
}

/** As `walk`, for whoever takes breath itself. */
export function* walkAtOnce(
  held: HeldFolders,
  start: ResourcePath,
  options: Omit<WalkOptions, 'signal'>,
): Generator<Found, void, void> {
  const unnamable = new Unnamable()
  for (const found of descend(held, start, options, unnamable)) if (unnamable.count === 0) yield found
  unnamable.throwIfAny()
}

type Kind = 'file' | 'folder' | 'symbolic link' | 'special file'

interface Level {
  readonly path: ResourcePath
  /** Sorted, bytes as characters (latin1), so that their order is that of UTF-8 and a million of them stay small. */
  readonly names: readonly string[]
  /** Those that are no plain files; absent where each is looked at when its turn comes. */
  readonly others?: ReadonlyMap<string, Kind>
  next: number
}

function* descend(
  held: HeldFolders,
  start: ResourcePath,
  { deep, note, skips, known }: Omit<WalkOptions, 'signal'>,
  unnamable: Unnamable,
): Generator<Found, void, void> {
  const kind = kindAt(held, start)
  if (kind === undefined) return
  if (kind !== 'file' && kind !== 'folder') return note(`${quote(start)} is passed over: it is a ${kind}`)
  yield { path: start, folder: kind === 'folder' }
  const levels: Level[] = deep && kind === 'folder' ? [open(held, start, known === undefined)] : []
  for (;;) {
    const level = levels.at(-1)
    if (level === undefined) return
    const raw = level.names[level.next++]
    if (raw === undefined) {
      levels.pop()
      continue
    }
    const path = pathOf(level.path, raw)
    if (path === undefined) {
      unnamable.add(level.path, raw)
      continue
    }
    if (isOwn(path) || skips?.(path) === true) continue
    if (known?.(path) === true) {
      yield { path, folder: false, known: true }
      continue
    }
    const childKind = level.others === undefined ? kindIn(held, level.path, path, raw) : level.others.get(raw)
    if (childKind === 'folder') {
      yield { path, folder: true }
      levels.push(open(held, path, known === undefined))
    } else if ((childKind ?? 'file') === 'file') yield { path, folder: false }
    else note(`${quote(path)} is passed over: it is a ${childKind}`)
  }
}

/** Undefined when there is nothing, or a link on the way. */
function kindAt(held: HeldFolders, path: ResourcePath): Kind | undefined {
  const parent = parentPath(path)
  if (parent === undefined) return 'folder'
  try {
    return kindOf(lstatSync(`${held.at(parent)}/${segmentsOf(path).at(-1) ?? ''}`))
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw readFault(error, path)
  }
}

/** Undefined when it has gone since its name was read: whoever reads it will say so. */
function kindIn(held: HeldFolders, folder: ResourcePath, path: ResourcePath, raw: string): Kind | undefined {
  try {
    const stats = lstatSync(rawPlace(held.at(folder), raw), { throwIfNoEntry: false })
    return stats && kindOf(stats)
  } catch (error) {
    throw readFault(error, path)
  }
}

function open(held: HeldFolders, path: ResourcePath, withKinds: boolean): Level {
  try {
    if (withKinds) return { path, ...namesIn(held.at(path)), next: 0 }
    return { path, names: readdirSync(held.at(path), 'latin1').toSorted(), next: 0 }
  } catch (error) {
    throw readFault(error, path)
  }
}

function namesIn(place: string): { names: string[]; others: Map<string, Kind> } {
  const names: string[] = []
  const others = new Map<string, Kind>()
  const add = (name: string, kind: Kind): void => {
    names.push(name)
    if (kind !== 'file') others.set(name, kind)
  }
  // Entry by entry, since the whole of a large folder with its types takes much more memory than its names.
  const folder = opendirSync(place, { encoding: 'latin1', bufferSize: 512 })
  try {
    for (let entry = folder.readSync(); entry !== null; entry = folder.readSync()) add(entry.name, kindOf(entry))
  } catch (error) {
    // Where a file system does not tell types, node looks for them itself, by names that it can not spell.
    if (!(error instanceof Error && 'syscall' in error && error.syscall === 'lstat')) throw error
    names.length = 0
    others.clear()
    for (const name of readdirSync(place, 'latin1')) {
      const stats = lstatSync(rawPlace(place, name), { throwIfNoEntry: false })
      if (stats !== undefined) add(name, kindOf(stats))
    }
  } finally {
    folder.closeSync()
  }
  return { names: names.toSorted(), others }
}

function kindOf(entry: Dirent | Stats): Kind {
  if (entry.isFile()) return 'file'
  if (entry.isDirectory()) return 'folder'
  return entry.isSymbolicLink() ? 'symbolic link' : 'special file'
}

const plain = /^[ -~]*$/

function pathOf(folder: ResourcePath, raw: string): ResourcePath | undefined {
  // The name of an entry is one segment already.
  if (plain.test(raw) && folder.length + raw.length < 1000)
    return (folder === '/' ? `/${raw}` : `${folder}/${raw}`) as ResourcePath
  const bytes = Buffer.from(raw, 'latin1')
  if (!isUtf8(bytes)) return undefined
  try {
    return childPath(folder, bytes.toString())
  } catch {
    return undefined
  }
}

const maxNamed = 10

class Unnamable {
  readonly #first: string[] = []
  count = 0

  add(folder: ResourcePath, raw: string): void {
    this.count++
    if (this.#first.length === maxNamed) return
    const name = isUtf8(Buffer.from(raw, 'latin1'))
      ? `${quote(`${folder}/${Buffer.from(raw, 'latin1').toString()}`)} (too long)`
      : `"${folder === '/' ? '' : folder}/${raw.replaceAll(/[^ -~]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)}"`
    this.#first.push(name)
  }

  throwIfAny(): void {
    if (this.count === 0) return
    const more = this.count > maxNamed ? ` and ${this.count - maxNamed} more` : ''
    throw new ReplicationError(
      'invalid',
      `names that are not UTF-8, or make a path longer than 4096 bytes, can not be replicated: ` +
        `${this.#first.join(', ')}${more}; rename them`,
    )
  }
}
