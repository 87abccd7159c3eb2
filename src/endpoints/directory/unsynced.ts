import type { Stats } from 'node:fs'
import { isWithin, parentPath, rootPath, type ResourcePath } from '../../resources/path.ts'
import { fewFiles } from './durable.ts'
import type { HeldFolders } from './held-folders.ts'
import type { Move } from './move.ts'
import { walk } from './walk.ts'

/** What of a target was changed since all was last made durable, or stands in a folder that was: told along a listing. */
export class Unsynced {
  count = 0
  readonly #folders: HeldFolders
  readonly #regions: readonly ResourcePath[]
  readonly #durableBefore: number
  readonly #signal: AbortSignal
  /** Where the walk is. */
  readonly #levels: { readonly path: ResourcePath; readonly isDurable: boolean }[] = []
  readonly #few: Move[] = []

  constructor(folders: HeldFolders, regions: readonly ResourcePath[], durableBefore: number, signal: AbortSignal) {
    this.#folders = folders
    this.#regions = regions
    this.#durableBefore = durableBefore
    this.#signal = signal
  }

  saw(path: ResourcePath, seen: Stats | 'folder'): void {
    const isDurable =
      seen === 'folder'
        ? this.#enter(path)
        : this.#enter(parentPath(path) ?? rootPath) && seen.ctimeMs < this.#durableBefore
    if (isDurable) return
    this.count++
    if (this.count <= fewFiles) this.#few.push({ type: seen === 'folder' ? 'folder' : 'file', path })
  }

  /** Of many nobody knows which they are: then all are told. */
  async *entries(): AsyncGenerator<Move, void, void> {
    if (this.count <= fewFiles) yield* this.#few
    else
      for (const region of this.#regions)
        for await (const { path, folder } of walk(this.#folders, region, { ...walking, signal: this.#signal }))
          yield { type: folder ? 'folder' : 'file', path }
  }

  /** Whether a folder, and all above it, are durable. */
  #enter(path: ResourcePath): boolean {
    const levels = this.#levels
    for (let top = levels.at(-1); top !== undefined && !isWithin(path, top.path); top = levels.at(-1)) levels.pop()
    const top = levels.at(-1)
    if (top?.path === path) return top.isDurable
    const parent = parentPath(path)
    const isDurable =
      (parent === undefined || this.#enter(parent)) && this.#folders.look(path).ctimeMs < this.#durableBefore
    levels.push({ path, isDurable })
    return isDurable
  }
}

const walking = { deep: true, note: () => undefined }
