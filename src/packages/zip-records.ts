import type { ZipFile } from 'yazl'
import { segmentBytes } from './compression.ts'
import type { Spool } from './spool.ts'

/**
 * What yazl keeps of an entry, and does not publish: whether it has been written, and what stands of it in the central
 * directory. yazl looks through all entries for the next to write, and lets go of none, nor of its content, before its
 * end; so those that are written are taken from it until the central directory is due. Its version is pinned.
 */
interface YazlEntry {
  readonly state: number
  getCentralDirectoryRecord(): Buffer
}
const entryDone = 3

/** The central directory as it grows: on the disk, for a package of a million entries has a hundred MB of it. */
export class ZipDirectory {
  readonly #zip: { entries: YazlEntry[] }
  readonly #spool: Spool
  #count = 0

  constructor(zip: ZipFile, spool: Spool) {
    this.#zip = zip as unknown as { entries: YazlEntry[] }
    this.#spool = spool
  }

  /** Takes the entries that have been written, in their order, and answers how many these are. */
  take(): number {
    const { entries } = this.#zip
    let done = 0
    for (; entries[done]?.state === entryDone; done++)
      this.#spool.add((entries[done] as YazlEntry).getCentralDirectoryRecord())
    entries.splice(0, done)
    this.#count += done
    return done
  }

  /** Once all are taken: yazl counts as many entries as there were, and finds what stands of them when it asks for each. */
  giveBack(): void {
    const spool = this.#spool
    const entry = { state: entryDone, getCentralDirectoryRecord: () => Buffer.alloc(0) }
    this.#zip.entries = Object.assign(
      Array.from({ length: this.#count }, () => entry),
      {
        forEach(visit: (entry: YazlEntry) => void) {
          for (const chunk of spool.chunks(segmentBytes))
            visit({ state: entryDone, getCentralDirectoryRecord: () => Buffer.from(chunk) })
        },
      },
    )
  }
}
