import { EntrySet } from '../../packages/entry-set.ts'
import type { ManifestText } from '../../packages/manifest-text.ts'
import type { PackageId } from '../../packages/manifest.ts'
import { placedState } from '../../packages/placed-lines.ts'
import { commonLines, LineCursor } from '../../resources/byte-differences.ts'
import { countLines } from '../../resources/listing.ts'
import { comparePaths } from '../../resources/path.ts'
import { LoopShare } from '../../threads/loop-share.ts'
import type { Known } from '../comparisons/known.ts'
import type { ListedPart } from './listed-parts.ts'

/** Which of a listing's contents have to be sent. */
export interface Needed {
  readonly files: number
  readonly bytes: number
  /** By the number of the entry, from 0; of folders it says nothing. */
  has(entry: number): boolean
}

/** Looks, part after part of a tree, which contents one or another of its targets is not known to hold. */
export class NeededSearch {
  readonly #known: readonly Known[]
  readonly #done = new Set<PackageId>()
  /** How far one has come in what is known of each target. */
  readonly #held: readonly LineCursor[]

  constructor(known: readonly Known[]) {
    // Of most targets the same is known.
    this.#known = [...new Map(known.map((one) => [one.name, one])).values()]
    this.#held = this.#known.map(({ lines }) => new LineCursor(lines(this.#done), placedState))
  }

  /** How many entries have to be gone through, about. */
  get entries(): number {
    return this.#known.reduce((sum, { entries }) => sum + entries, 0)
  }

  /** Whether every target holds all that this package lists. */
  knows(id: PackageId): boolean {
    return this.#known.every(({ packages }) => packages.has(id))
  }

  async in({ text, id }: Pick<ListedPart, 'text' | 'id'>): Promise<Needed> {
    if (this.knows(id)) {
      this.#done.add(id)
      return { files: 0, bytes: 0, has: () => false }
    }
    const missing = new Missing()
    for (const held of this.#held) await lookFor(text, held, missing)
    return missing
  }

  async close(): Promise<void> {
    for (const held of this.#held) await held.close()
  }
}

class Missing implements Needed {
  bytes = 0
  readonly #entries = new EntrySet()

  get files(): number {
    return this.#entries.count
  }

  has(entry: number): boolean {
    return this.#entries.has(entry)
  }

  add(entry: number, size: number): void {
    if (this.has(entry)) return
    this.#entries.add(entry)
    this.bytes += size
  }
}

/** Goes through what is listed and what is held side by side: lines that both have are never looked at one by one. */
async function lookFor(text: ManifestText, held: LineCursor, missing: Missing): Promise<void> {
  const listed = new LineCursor(text.lines(), placedState)
  let entry = 0
  const share = new LoopShare()
  while (await listed.fill()) {
    const length = (await held.fill()) ? commonLines(listed, held) : 0
    if (length > 0) {
      entry += countLines(listed.bytes, listed.at, listed.at + length)
      listed.pass(length)
      held.pass(length)
      continue
    }
    const [one, other] = [listed.state(), held.state()]
    if (one === undefined) break
    const order = other === undefined ? -1 : comparePaths(one.path, other.path)
    if (order <= 0) {
      const isHeld = order === 0 && one.digest === other?.digest && one.size === other?.size
      if (one.digest !== undefined && !isHeld) missing.add(entry, one.size ?? 0)
      entry++
      listed.passLine()
    }
    if (order >= 0) held.passLine()
    await share.giveWay()
  }
}
