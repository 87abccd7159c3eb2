import { lstatSync, mkdirSync, readdirSync, renameSync } from 'node:fs'
import { ReplicationError } from '../../errors.ts'
import { parentPath, quote, rootPath, segmentsOf, type ResourcePath } from '../../resources/path.ts'
import { codeOf, writeFault } from './faults.ts'
import { isAbsent, rawPlace, type HeldFolders } from './held-folders.ts'
import { ownName } from './own-folder.ts'

/**
 * Changes what a target folder holds, by nothing but renaming out of and into the staging folder: each file is old or
 * new at any moment, no link is followed or written through, and a worker whose staging folder is gone changes nothing.
 * Only where a folder makes room for a file, or a file or link for a folder, is there a moment with neither.
 *
 * Errors are ReplicationErrors that name the resource.
 */
export class Placer {
  readonly #folders: HeldFolders
  readonly #staging: string
  #trashed = 0

  /** `staging` is what to put before `/<name>`; the caller's own files in it have numbers for names. */
  constructor(folders: HeldFolders, staging: string) {
    this.#folders = folders
    this.#staging = staging
  }

  putFolder(path: ResourcePath): void {
    this.#named(path, () => this.#folders.at(path, this.#makeFolder))
  }

  /** Moves the staged file of that name to the path. */
  putFile(staged: string, path: ResourcePath): void {
    this.#named(path, () => {
      const place = `${this.#folders.at(parentPath(path) ?? rootPath, this.#makeFolder)}/${nameOf(path)}`
      const from = `${this.#staging}/${staged}`
      try {
        renameSync(from, place)
      } catch (error) {
        if (!isFolderInTheWay(error)) throw error
        this.#replace(place, from)
      }
    })
  }

  /**
   * Moves the staged folder of that name, with all that is in it, to the path, where there was nothing. Answers the folders whose names
   * have changed by that: its own, and those within it where somebody has made it meanwhile, for what else is in it stays.
   */
  putNew(staged: string, path: ResourcePath): ResourcePath[] {
    const from = `${this.#staging}/${staged}`
    let isThere = false
    this.#named(path, () => {
      const place = `${this.#folders.at(parentPath(path) ?? rootPath, this.#makeFolder)}/${nameOf(path)}`
      try {
        renameSync(from, place)
      } catch (error) {
        // A file or a link is there.
        if (codeOf(error) === 'ENOTDIR') this.#replace(place, from)
        else if (isFolderInTheWay(error)) isThere = true
        else throw error
      }
    })
    const changed = [path]
    for (const entry of isThere ? readdirSync(from, { withFileTypes: true }) : []) {
      const [below, its] = [`${staged}/${entry.name}`, `${path}/${entry.name}` as ResourcePath]
      if (entry.isDirectory()) changed.push(...this.putNew(below, its))
      else this.putFile(below, its)
    }
    return changed
  }

  /** Without `deep`, a folder that holds others stays; the root stays always. What is not there is fine. */
  remove(path: ResourcePath, deep: boolean): void {
    this.#named(path, () => {
      const parent = parentPath(path)
      if (parent === undefined) return deep ? this.#removeAll() : undefined
      const folder = this.#find(parent)
      if (folder === undefined) return
      const place = `${folder}/${nameOf(path)}`
      const isFolder = lstatSync(place, { throwIfNoEntry: false })?.isDirectory() === true
      if (!deep && isFolder && readdirSync(place, 'latin1').length > 0) return
      const trash = this.#trash(place)
      // Somebody may have put something into it since the look.
      if (!deep && isFolder && trash !== undefined && readdirSync(trash, 'latin1').length > 0) renameSync(trash, place)
    })
  }

  /**
   * Removes what a mirror's survey has found to be surplus, and what was in it before. Answers whether it was still there; what has become
   * something else meanwhile stays. Throws `unavailable` where `holds` finds something in a folder that the survey has not seen.
   */
  removeSurplus(path: ResourcePath, folder: boolean, holds: () => boolean): boolean {
    return this.#named(path, () => {
      const parent = this.#find(parentPath(path) ?? rootPath)
      const place = `${parent}/${nameOf(path)}`
      const stats = parent === undefined ? undefined : lstatSync(place, { throwIfNoEntry: false })
      if (folder ? stats?.isDirectory() !== true : stats?.isFile() !== true) return false
      if (folder && holds())
        throw new ReplicationError(
          'unavailable',
          'the target has more to remove than a moment ago; it is counted again',
        )
      // Whatever was looked at: links and the like, which are no resources, go with their folder.
      return this.#trash(place) !== undefined
    })
  }

  #removeAll(): void {
    const root = this.#folders.at(rootPath)
    for (const raw of readdirSync(root, 'latin1')) if (raw !== ownName) this.#trash(rawPlace(root, raw))
  }

  /** Where it is now, or undefined when there was nothing. */
  #trash(place: string | Buffer): string | undefined {
    const trash = `${this.#staging}/t${this.#trashed++}`
    try {
      renameSync(place, trash)
      return trash
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || this.#isOver()) throw error
      return undefined
    }
  }

  #replace(place: string, from: string): void {
    const trash = this.#trash(place)
    try {
      renameSync(from, place)
    } catch (error) {
      if (trash !== undefined && !this.#isOver()) renameSync(trash, place)
      throw error
    }
  }

  readonly #makeFolder = (place: string, name: string): void => {
    const made = `${this.#staging}/folder`
    try {
      mkdirSync(made)
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
    }
    try {
      renameSync(made, `${place}/${name}`)
    } catch (error) {
      // A file or a link is there.
      if (codeOf(error) === 'ENOTDIR') this.#trash(`${place}/${name}`)
      // A folder is there by now.
      else if (!isFolderInTheWay(error)) throw error
    }
  }

  #find(path: ResourcePath): string | undefined {
    try {
      return this.#folders.at(path)
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw error
    }
  }

  #isOver(): boolean {
    return lstatSync(this.#staging, { throwIfNoEntry: false }) === undefined
  }

  #named<T>(path: ResourcePath, change: () => T): T {
    try {
      return change()
    } catch (error) {
      // Files and links in the way are replaced, so what is left of these is somebody who changes names meanwhile.
      throw isAbsent(error)
        ? new ReplicationError('unavailable', `${quote(path)} was not written: its folder vanished meanwhile`, {
            cause: error,
          })
        : writeFault(error, quote(path))
    }
  }
}

function isFolderInTheWay(error: unknown): boolean {
  return ['EISDIR', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error))
}

function nameOf(path: ResourcePath): string {
  return segmentsOf(path).at(-1) ?? ''
}
