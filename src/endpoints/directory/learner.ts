/** Remembers digests while a folder is read for another reason than to list it: the next listing then reads none of that again. */
import type { Stats } from 'node:fs'
import { BlockWriter } from '../../resources/listing.ts'
import type { ResourcePath } from '../../resources/path.ts'
import { Remembered } from './remembered.ts'

export interface LearnerOptions {
  readonly folder: string
  readonly root: string
  readonly dev: number
  readonly start: ResourcePath
}

/** What was seen: of a file that was read, with its digest once that is known. */
interface Seen {
  readonly path: ResourcePath
  readonly read?: { readonly stats: Stats; readonly atMs: number; readonly into: { readonly digest?: string } }
}

/** To be told in path order. Nothing comes of it before `learn` is called for the first time: a few files are sooner read again. */
export class Learner {
  readonly #options: LearnerOptions
  readonly #lines = new BlockWriter()
  #remembered: Remembered | undefined
  #seen: Seen[] = []

  constructor(options: LearnerOptions) {
    this.#options = options
  }

  /** A file that was read, begun at that time by the clock of this machine. */
  saw(path: ResourcePath, stats: Stats, atMs: number, into: { readonly digest?: string }): void {
    this.#seen.push({ path, read: { stats, atMs, into } })
  }

  /** What is there and was not read: what is remembered of it stays. */
  passed(path: ResourcePath): void {
    this.#seen.push({ path })
  }

  /** All that was seen has its digest now. */
  learn(): void {
    this.#remembered ??= new Remembered({ ...this.#options, verify: false })
    for (const { path, read } of this.#seen)
      if (read === undefined) this.#remembered.pass(path, this.#lines)
      else if (read.into.digest !== undefined) {
        this.#lines.begin(path)
        this.#lines.endResource(read.into.digest, read.stats.size)
        this.#remembered.put(path, read.stats, read.atMs, this.#lines)
        this.#lines.forget()
      }
    this.#seen = []
  }

  /** All that is there was seen. */
  end(): void {
    if (this.#remembered === undefined) return
    this.learn()
    this.#remembered.end()
  }
}
