import { watch, type FSWatcher } from 'node:fs'
import { opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { ReplicationError } from '../../errors.ts'
import { rootPath, type ResourcePath } from '../../resources/path.ts'
import type { Found, Seen } from '../endpoint.ts'
import { codeOf } from './faults.ts'
import { foundAt, namedIn } from './look.ts'

/** How many names of files and folders are remembered; what goes with a folder whose names are not is not known. */
const mostNames = 200_000
/** How many names wait to be looked at before their folder is looked at as a whole. */
const mostWaiting = 20_000
/** How many that went with a folder are told one by one. */
const mostTold = 1000

/** How long a folder that is gone, or another by now, is heard: what happened in it before may not have been told yet. */
const lingerMs = 1000

/** A folder and what was last seen in it. */
interface Folder {
  readonly path: ResourcePath
  watcher?: FSWatcher
  /** Undefined when there are too many. */
  names: Set<string> | undefined
  readonly folders: Map<string, Folder>
  /** It is another by now, or gone. */
  retired: boolean
}

/**
 * A watch on each folder of a tree. What an event says is only where to look: what is there is looked at afterwards, and told
 * when a folder that is new is watched already, so that nothing that comes into it is missed.
 */
export class WatchedTree {
  /** Rejects when it can no longer tell what changes. */
  readonly failed: Promise<never>
  #place = ''
  readonly #hear: (seen: Seen) => void
  #fail: (error: unknown) => void = () => undefined
  #root: Folder | undefined
  #names = 0
  readonly #waiting = new Map<Folder, Map<string, boolean>>()
  #waits = 0
  #draining = false
  #closed = false
  readonly #lingering = new Set<NodeJS.Timeout>()

  constructor(hear: (seen: Seen) => void) {
    this.#hear = hear
    this.failed = new Promise((_, reject) => (this.#fail = reject))
    this.failed.catch(() => undefined)
  }

  /** Watches what is at `place` now; what was there when it was last called and is not now is told, and then the root. */
  async grow(place: string): Promise<boolean> {
    this.#place = place
    const before = this.#root
    const now = await this.#adopt(rootPath)
    if (now === undefined) return false
    this.#root = now
    if (before === undefined) return true
    this.#dismiss(before)
    this.#hear({ path: rootPath, ...(!this.#tellGone(before, now) && { whole: true }) })
    return true
  }

  /** Nothing is there; what was is remembered. */
  wither(): void {
    if (this.#root !== undefined) this.#retire(this.#root)
  }

  close(): void {
    this.#closed = true
    if (this.#root !== undefined) this.#retire(this.#root)
    for (const timer of this.#lingering) clearTimeout(timer)
    this.#waiting.clear()
  }

  /** Undefined when there is no such folder. Throws `unavailable` when the system has no watches left. */
  async #adopt(path: ResourcePath): Promise<Folder | undefined> {
    const folder: Folder = { path, names: new Set(), folders: new Map(), retired: false }
    const below: [string, ResourcePath][] = []
    try {
      // First watched, then read: what comes in between is seen twice.
      folder.watcher = watch(join(this.#place, path), { persistent: false })
      folder.watcher.on('change', (type, name) => this.#heard(folder, type === 'rename', String(name)))
      folder.watcher.on('error', (error) => this.#fail(watchFault(error)))
      for await (const entry of await opendir(join(this.#place, path))) {
        const child = namedIn(path, entry.name)
        if (child === undefined || !(entry.isDirectory() || entry.isFile())) continue
        this.#remember(folder, entry.name)
        if (entry.isDirectory()) below.push([entry.name, child])
      }
      for (const [name, child] of below) {
        const adopted = this.#closed ? undefined : await this.#adopt(child)
        if (adopted !== undefined) folder.folders.set(name, adopted)
      }
      if (this.#closed) this.#retire(folder)
      return folder
    } catch (error) {
      this.#retire(folder)
      const code = codeOf(error)
      // What may not be read fails whoever exports it, which says so.
      if (['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP', 'ENAMETOOLONG'].includes(code)) return undefined
      throw watchFault(error)
    }
  }

  #remember(folder: Folder, name: string): void {
    if (folder.names === undefined || folder.names.has(name)) return
    if (this.#names >= mostNames) {
      this.#names -= folder.names.size
      folder.names = undefined
      return
    }
    folder.names.add(name)
    this.#names++
  }

  #forget(folder: Folder, name: string): void {
    if (folder.names?.delete(name) === true) this.#names--
  }

  /** It is not heard any more. */
  #retire(folder: Folder): void {
    this.#leave(folder)
    folder.watcher?.close()
    for (const below of folder.folders.values()) this.#retire(below)
  }

  /** It is gone, or another has its name. What was not looked at in it yet can only have been passing. */
  #dismiss(folder: Folder): void {
    this.#leave(folder)
    const timer = setTimeout(() => {
      this.#lingering.delete(timer)
      this.#retire(folder)
    }, lingerMs).unref()
    this.#lingering.add(timer)
  }

  #leave(folder: Folder): void {
    if (folder.retired) return
    folder.retired = true
    this.#names -= folder.names?.size ?? 0
    for (const name of this.#waiting.get(folder)?.keys() ?? []) this.#tellPassing(folder, name)
    for (const below of folder.folders.values()) this.#leave(below)
  }

  #tellPassing(folder: Folder, name: string): void {
    const path = namedIn(folder.path, name)
    if (path !== undefined && !this.#closed) this.#hear({ path, gone: true, passing: true })
  }

  #heard(folder: Folder, renamed: boolean, name: string): void {
    if (this.#closed) return
    if (folder.retired) return this.#tellPassing(folder, name)
    const names = this.#waiting.get(folder) ?? new Map<string, boolean>()
    this.#waiting.set(folder, names)
    if (!names.has(name)) this.#waits++
    names.set(name, (names.get(name) ?? false) || renamed)
    if (!this.#draining) void this.#drain().catch((error: unknown) => this.#fail(error))
  }

  async #drain(): Promise<void> {
    this.#draining = true
    try {
      for (const [folder, names] of this.#waiting) {
        const crowded = this.#waits > mostWaiting
        for (const [name, renamed] of names) {
          if (this.#closed || folder.retired || crowded) break
          this.#waits--
          names.delete(name)
          await this.#look(folder, name, renamed)
        }
        this.#waiting.delete(folder)
        this.#waits -= names.size
        if (!crowded || folder.retired || this.#closed) continue
        for (const name of names.keys()) this.#tellPassing(folder, name)
        await this.#lookAnew(folder)
      }
    } finally {
      this.#draining = false
    }
  }

  async #look(folder: Folder, name: string, renamed: boolean): Promise<void> {
    const path = namedIn(folder.path, name)
    if (path === undefined) return
    const found = await foundAt(this.#place, path).catch((): Found => 'nothing')
    if (folder.retired || this.#closed) return
    const known = folder.folders.get(name)
    if (found === 'folder') {
      if (known === undefined || renamed) await this.#enter(folder, name, path, known)
      return
    }
    const was = known !== undefined || folder.names?.has(name) !== false
    if (known !== undefined) {
      folder.folders.delete(name)
      this.#dismiss(known)
      if (!this.#tellGone(known)) this.#hear({ path, gone: true, whole: true })
    }
    if (found === 'content') {
      this.#remember(folder, name)
      this.#hear({ path })
    } else {
      this.#forget(folder, name)
      if (was) this.#hear({ path, gone: true })
      else this.#tellPassing(folder, name)
    }
  }

  async #enter(parent: Folder, name: string, path: ResourcePath, before: Folder | undefined): Promise<void> {
    const fresh = before === undefined && parent.names?.has(name) === false
    const now = await this.#adopt(path)
    if (now === undefined) return
    if (parent.retired || this.#closed) return this.#retire(now)
    this.#remember(parent, name)
    parent.folders.set(name, now)
    if (before !== undefined) this.#dismiss(before)
    const whole = before !== undefined && !this.#tellGone(before, now)
    this.#hear({ path, ...(fresh && { fresh }), ...(whole && { whole }) })
  }

  /** Too much happens in it at once to look at each. */
  async #lookAnew(folder: Folder): Promise<void> {
    const parent = folder.path === rootPath ? undefined : this.#parentOf(folder)
    if (folder.path === rootPath) await this.grow(this.#place)
    else if (parent !== undefined) await this.#enter(parent.folder, parent.name, folder.path, folder)
  }

  #parentOf({ path }: Folder): { folder: Folder; name: string } | undefined {
    const names = path.slice(1).split('/')
    const name = names.pop() ?? ''
    let folder = this.#root
    for (const one of names) folder = folder?.folders.get(one)
    return folder === undefined ? undefined : { folder, name }
  }

  /** Tells what was in the one and is not in the other; false when that is not known, or is much. */
  #tellGone(before: Folder, now?: Folder): boolean {
    const gone: ResourcePath[] = []
    if (!goneFrom(before, now, gone)) return false
    for (const path of gone) this.#hear({ path, gone: true })
    return true
  }
}

function goneFrom(before: Folder, now: Folder | undefined, gone: ResourcePath[]): boolean {
  if (before.names === undefined || (now !== undefined && now.names === undefined)) return false
  for (const name of before.names) {
    if (now?.names?.has(name) === true) continue
    const path = namedIn(before.path, name)
    if (path !== undefined && gone.push(path) > mostTold) return false
  }
  for (const [name, folder] of before.folders) if (!goneFrom(folder, now?.folders.get(name), gone)) return false
  return true
}

function watchFault(cause: unknown): ReplicationError {
  const code = codeOf(cause)
  const why =
    code === 'ENOSPC'
      ? 'the system admits no more watches; raise fs.inotify.max_user_watches'
      : code === 'EMFILE' || code === 'ENFILE'
        ? 'the system admits no more watchers; raise fs.inotify.max_user_instances and the limit of open files'
        : `it failed (${code || String(cause)})`
  return new ReplicationError('unavailable', `the directory endpoint cannot be watched: ${why}`, { cause })
}
