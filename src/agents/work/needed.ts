import { setImmediate } from 'node:timers/promises'
import type { ListedEntry } from '../../packages/manifest-text.ts'
import type { PackageId } from '../../packages/manifest.ts'
import { comparePaths } from '../../resources/path.ts'
import type { HeldFile, Known } from '../comparisons/known.ts'
import type { ListedPart } from './listed-parts.ts'

type FileEntry = Extract<ListedEntry, { type: 'file' }>

/** Which of a listing's contents have to be sent. */
export interface Needed {
  readonly files: number
  readonly bytes: number
  /** By the number of the entry, from 0. */
  has(entry: number): boolean
}

/** Looks, part after part of a tree, which contents one or another of its targets is not known to hold. */
export class NeededSearch {
  readonly #known: readonly Known[]
  readonly #done = new Set<PackageId>()
  readonly #places: readonly Place[]

  constructor(known: readonly Known[]) {
    // Of most targets the same is known.
    this.#known = [...new Map(known.map((one) => [one.name, one])).values()]
    this.#places = this.#known.map(({ files }) => new Place(files(this.#done)))
  }

  /** How many entries have to be gone through, about. */
  get entries(): number {
    return this.#known.reduce((sum, { entries }) => sum + entries, 0)
  }

  async in({ text, id }: Pick<ListedPart, 'text' | 'id'>): Promise<Needed> {
    if (this.#known.every(({ packages }) => packages.has(id))) {
      this.#done.add(id)
      return { files: 0, bytes: 0, has: () => false }
    }
    const flags = new Uint8Array(Math.ceil(text.entries / 8))
    let [number, files, bytes] = [0, 0, 0]
    for (const batch of text.batches()) {
      for (const entry of batch) {
        if (entry.type === 'file' && !(await this.#isHeld(entry))) {
          flags[number >> 3] = (flags[number >> 3] ?? 0) | (1 << (number & 7))
          files++
          bytes += entry.size
        }
        number++
      }
      await setImmediate()
    }
    return { files, bytes, has: (entry) => ((flags[entry >> 3] ?? 0) & (1 << (entry & 7))) !== 0 }
  }

  async close(): Promise<void> {
    for (const place of this.#places) await place.close()
  }

  async #isHeld(entry: FileEntry): Promise<boolean> {
    for (const place of this.#places) {
      let held = place.holds(entry)
      while (held === undefined) {
        await place.more()
        held = place.holds(entry)
      }
      if (!held) return false
    }
    return true
  }
}

/** How far one has come in what is known of a target. */
class Place {
  readonly #batches: AsyncIterator<readonly HeldFile[]>
  #batch: readonly HeldFile[] = []
  #at = 0
  #isOver = false

  constructor(batches: AsyncIterable<readonly HeldFile[]>) {
    this.#batches = batches[Symbol.asyncIterator]()
  }

  /** To be asked in path order; undefined when there must be `more` first. */
  holds({ path, digest, size }: FileEntry): boolean | undefined {
    for (let held = this.#batch[this.#at]; held !== undefined; held = this.#batch[++this.#at]) {
      const order = comparePaths(held.path, path)
      if (order === 0) return held.digest === digest && held.size === size
      if (order > 0) return false
    }
    return this.#isOver ? false : undefined
  }

  async more(): Promise<void> {
    const { done, value } = await this.#batches.next()
    this.#isOver = done === true
    this.#batch = done === true ? [] : value
    this.#at = 0
  }

  async close(): Promise<void> {
    await this.#batches.return?.()
  }
}
