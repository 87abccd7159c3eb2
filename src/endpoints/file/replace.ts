/** Putting a new file in the place of the old one, whole. */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  readSync,
  renameSync,
  statSync,
} from 'node:fs'
import type { Stats } from 'node:fs'
import { rootPath } from '../../resources/path.ts'
import { codeOf } from '../directory/faults.ts'
import type { HeldFolders } from '../directory/held-folders.ts'
import { openPlainFile } from '../directory/plain-path.ts'
import { differs } from '../directory/stable-file.ts'
import { exclusively } from './lock.ts'
import type { Whereabouts } from './whereabouts.ts'

/** Whether the file is the one that was read. */
export function isStill(file: string, before: Stats | undefined): boolean {
  const now = statSync(file, { throwIfNoEntry: false })
  return now === undefined || before === undefined ? now === before : !differs(before, now)
}

interface Replacing {
  readonly where: Whereabouts
  /** Holds the folder of the file. */
  readonly folders: HeldFolders
  readonly signal: AbortSignal
}

/**
 * The staged file, open as `fd`, takes the place of the old one, whole and durable, and has its mode; one that would be the same
 * is left alone. False when the old one is not the one that was read any more.
 */
export async function replace(
  { where, folders, signal }: Replacing,
  staged: string,
  fd: number,
  before: Stats | undefined,
): Promise<boolean> {
  const { file, name, own } = where
  if (before !== undefined) {
    if (!isStill(file, before)) return false
    if (isSame(fd, file)) return isStill(file, before)
    fchmodSync(fd, before.mode & 0o7777)
    keepOwner(fd, before)
  }
  fsyncSync(fd)
  const folder = folders.at(rootPath)
  const isPlaced = await exclusively(`${folder}/${own}/lock`, signal, () => {
    if (!isStill(file, before)) return false
    renameSync(staged, `${folder}/${name}`)
    return true
  })
  if (isPlaced) folders.sync(rootPath)
  return isPlaced
}

const compareBytes = 256 * 1024

function isSame(fd: number, file: string): boolean {
  const other = openPlainFile(file, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    if (fstatSync(fd).size !== fstatSync(other).size) return false
    const [one, two] = [Buffer.allocUnsafe(compareBytes), Buffer.allocUnsafe(compareBytes)]
    for (let at = 0; ;) {
      const [left, right] = [readSync(fd, one, 0, compareBytes, at), readSync(other, two, 0, compareBytes, at)]
      if (left !== right || one.compare(two, 0, right, 0, left) !== 0) return false
      if (left === 0) return true
      at += left
    }
  } finally {
    closeSync(other)
  }
}

function keepOwner(fd: number, { uid, gid }: Stats): void {
  const own = fstatSync(fd)
  if (own.uid === uid && own.gid === gid) return
  try {
    fchownSync(fd, uid, gid)
  } catch (error) {
    // Only the superuser may give a file away; others get a file of their own.
    if (codeOf(error) !== 'EPERM') throw error
  }
}
