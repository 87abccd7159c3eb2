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
  /** Of the first entry, and of the one that is to come second though it is written later. */
  #first: Buffer | undefined
  #second: Buffer | undefined
  readonly #secondName: string | undefined

  constructor(zip: ZipFile, spool: Spool, secondName?: string) {
    this.#zip = zip as unknown as { entries: YazlEntry[] }
    this.#spool = spool
    this.#secondName = secondName
  }

  /** Takes the entries that have been written, in their order, and answers how many these are. */
  take(): number {
    const { entries } = this.#zip
    let done = 0
    for (; entries[done]?.state === entryDone; done++)
      this.#add((entries[done] as YazlEntry).getCentralDirectoryRecord())
    entries.splice(0, done)
    this.#count += done
    return done
  }

  /** Once all are taken: yazl counts as many entries as there were, and finds what stands of them when it asks for each. */
  giveBack(): void {
    const spool = this.#spool
    const ahead = Buffer.concat([this.#first ?? Buffer.alloc(0), this.#second ?? Buffer.alloc(0)])
    const entry = { state: entryDone, getCentralDirectoryRecord: () => Buffer.alloc(0) }
    this.#zip.entries = Object.assign(
      Array.from({ length: this.#count }, () => entry),
      {
        forEach(visit: (entry: YazlEntry) => void) {
          visit({ state: entryDone, getCentralDirectoryRecord: () => ahead })
          for (const chunk of spool.chunks(segmentBytes))
            visit({ state: entryDone, getCentralDirectoryRecord: () => Buffer.from(chunk) })
        },
      },
    )
  }
  #add(record: Buffer): void {
    if (this.#secondName === undefined) this.#spool.add(record)
    else if (this.#first === undefined) this.#first = Buffer.from(record)
    else if (record.toString('utf8', 46, 46 + record.readUInt16LE(28)) === this.#secondName)
      this.#second = Buffer.from(record)
    else this.#spool.add(record)
  }
}
