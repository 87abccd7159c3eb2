/**
 * Path safety, for reading and writing alike: no symbolic link below the root is ever followed, also when a folder is
 * swapped for one meanwhile.
 *
 * On Linux each folder on the way is opened by name relative to its parent's handle (`/proc/self/fd/<parent>/<name>`,
 * which is openat) with O_NOFOLLOW, and the handle is kept: whatever is done through it happens in the very folder that
 * was checked, wherever its name leads by then. Elsewhere each component is looked at with lstat before use, which is
 * weaker: a link that is swapped in between the look and the use is followed.
 *
 * What this does not stop: hard links, mounts, and somebody who moves a folder out of the root while it is written; that
 * folder was within the root when it was opened, and the run that finds it gone fails and is tried again.
 */
import { closeSync, constants, fstatSync, fsyncSync, lstatSync, openSync } from 'node:fs'
import { open, lstat, type FileHandle } from 'node:fs/promises'
import { ReplicationError } from '../../errors.ts'
import { quote, segmentsOf, type ResourcePath } from '../../resources/path.ts'
import { codeOf } from './faults.ts'
import { makePlainFolder, openPlainFolder, withHandles } from './plain-path.ts'

const asFolder = constants.O_RDONLY | constants.O_DIRECTORY
/** A fifo opened without O_NONBLOCK would wait for its writer. */
export const asFile = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

export interface OpenFolder {
  /** None where handles do not serve. */
  readonly fd: number | undefined
  /** What to put before `/<name>` to reach what lies in the folder. */
  readonly place: string
}

interface Held extends OpenFolder {
  readonly name: string
}

/** Which folder it is, whatever it is called. */
export interface FolderIdentity {
  readonly dev: number
  readonly ino: number
}

/** Makes a real folder where there is none: nothing, a file or a link is at `<place>/<name>`. */
export type Mend = (place: string, name: string) => void

/**
 * The folders from the root down to the one last asked for, held open. Asking in path order opens each folder once. Its
 * functions throw the errors of node:fs; ENOENT, ENOTDIR and ELOOP all mean that there is no such folder.
 */
export class HeldFolders {
  readonly #root: Held
  readonly #held: Held[] = []
  readonly #watch: boolean
  #last: string | undefined

  /**
   * `root` is an absolute path with its links resolved (`plainPath`); one that has come to be since is not followed. With `watch`, a
   * folder that no longer has its name when it is let go throws `unavailable`: what was put there did not arrive where it belongs.
   */
  constructor(root: string, watch = false, open: (root: string) => number = openPlainFolder) {
    this.#watch = watch
    this.#root = { name: '', ...hold(open(root), root) }
  }

  /** The root is made where there is none. */
  static make(root: string): HeldFolders {
    return new HeldFolders(root, true, makePlainFolder)
  }

  /** Another set of handles on the same root, even if its name leads elsewhere by now. */
  fork(watch = false): HeldFolders {
    return new HeldFolders(this.#root.place, watch, openFolderAt)
  }

  get identity(): FolderIdentity {
    const { dev, ino } = this.#root.fd === undefined ? lstatSync(this.#root.place) : fstatSync(this.#root.fd)
    return { dev, ino }
  }

  /** What to put before `/<name>` to reach what lies in the folder at `path`; good until the next call. */
  at(path: ResourcePath, mend?: Mend): string {
    if (path !== this.#last) {
      this.#last = undefined
      const names = segmentsOf(path)
      let common = 0
      while (common < names.length && this.#held[common]?.name === names[common]) common++
      this.#letGo(common)
      for (const name of names.slice(common)) this.#held.push(enter(this.#top.place, name, mend))
      this.#last = path
    }
    return this.#top.place
  }

  /** The same, and when the folder was last changed, by the clock of its file system. */
  look(path: ResourcePath): { readonly place: string; readonly ctimeMs: number } {
    const place = this.at(path)
    const { fd } = this.#top
    return { place, ctimeMs: (fd === undefined ? lstatSync(place) : fstatSync(fd)).ctimeMs }
  }

  /** Makes the names in the folder durable. */
  sync(path: ResourcePath): void {
    this.at(path)
    const { fd, place } = this.#top
    const handle = fd ?? openSync(place, asFolder)
    try {
      fsyncSync(handle)
    } finally {
      if (fd === undefined) closeSync(handle)
    }
  }

  /** Without a look at what was watched: ask for the root before, to be told. */
  close(): void {
    for (const { fd } of [...this.#held.splice(0), this.#root]) if (fd !== undefined) closeSync(fd)
    this.#last = undefined
  }

  get #top(): Held {
    return this.#held.at(-1) ?? this.#root
  }

  #letGo(keep: number): void {
    let moved: string | undefined
    while (this.#held.length > keep) {
      const folder = this.#held.pop()
      if (folder?.fd === undefined) continue
      if (this.#watch && !isStill(folder.fd, `${this.#top.place}/${folder.name}`)) moved = folder.name
      closeSync(folder.fd)
    }
    if (moved !== undefined)
      throw new ReplicationError('unavailable', `the folder ${quote(moved)} was moved away while it was written`)
  }
}

/**
 * Opens the file at `path` for reading, no link followed on the way. On the event loop, for what is read as a stream.
 * Throws the errors of node:fs, ESTALE if `root` is not the folder `identity` any more.
 */
export async function openBelow(root: string, identity: FolderIdentity, path: ResourcePath): Promise<FileHandle> {
  let folder = await open(root, asFolder)
  try {
    const { dev, ino } = await folder.stat()
    if (dev !== identity.dev || ino !== identity.ino) throw Object.assign(new Error('another root'), { code: 'ESTALE' })
    let place = withHandles ? `/proc/self/fd/${folder.fd}` : root
    const names = segmentsOf(path)
    for (const name of names.slice(0, -1)) {
      place = `${place}/${name}`
      if (!withHandles && !(await lstat(place)).isDirectory()) throw noFolder()
      const next = await open(place, asFolder | constants.O_NOFOLLOW)
      await folder.close()
      folder = next
      if (withHandles) place = `/proc/self/fd/${folder.fd}`
    }
    return await open(`${place}/${names.at(-1) ?? '.'}`, asFile)
  } finally {
    await folder.close()
  }
}

/** A name with its bytes as characters (latin1), joined to its folder's place: not every name on disk is UTF-8. */
export function rawPlace(place: string, raw: string): Buffer {
  return Buffer.concat([Buffer.from(`${place}/`), Buffer.from(raw, 'latin1')])
}

/** Whether an error of node:fs says that there is nothing there, or no folder on the way. */
export function isAbsent(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(error))
}

/** For a folder of which the place is known to be its own. */
export function openFolderAt(place: string): number {
  return openSync(`${place}/.`, asFolder)
}

/** Opens the folder at `place`, its last name no link. Throws the errors of node:fs. */
export function openFolder(place: string | Buffer): OpenFolder {
  if (!withHandles && !lstatSync(place).isDirectory()) throw noFolder()
  return hold(openSync(place, asFolder | constants.O_NOFOLLOW), place.toString())
}

function hold(fd: number, place: string): OpenFolder {
  if (withHandles) return { fd, place: `/proc/self/fd/${fd}` }
  closeSync(fd)
  return { fd: undefined, place }
}

/** Whoever swaps names for ever must not keep us for ever. */
const maxTries = 100

function enter(parent: string, name: string, mend: Mend | undefined): Held {
  const place = `${parent}/${name}`
  for (let tries = 1; ; tries++) {
    try {
      return { name, ...openFolder(place) }
    } catch (error) {
      if (mend === undefined || tries === maxTries || !isAbsent(error)) throw error
      mend(parent, name)
    }
  }
}

function isStill(fd: number, place: string): boolean {
  const there = lstatSync(place, { throwIfNoEntry: false })
  const here = fstatSync(fd)
  return there?.ino === here.ino && there.dev === here.dev
}

function noFolder(): Error {
  return Object.assign(new Error('not a folder'), { code: 'ENOTDIR' })
}
