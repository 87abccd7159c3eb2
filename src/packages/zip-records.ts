import { ZipFile, type Options } from 'yazl'
import { level, segmentBytes } from './compression.ts'
import type { Spool } from './spool.ts'

/**
 * What yazl makes of an entry, and does not publish: its header, what stands behind its content, and its record in the central
 * directory. Its version is pinned. Content is not led through its streams: there each piece of it is copied and counted by four transforms,
 * each small one waits for a turn of the loop, its CRC-32 is computed in JavaScript, and every entry is kept, content and all, until the end.
 */
export interface ZipEntry {
  crc32: number | null
  uncompressedSize: number | null
  compressedSize: number | null
  /** Sizes and checksum stand in the header, and not behind the content. */
  crcAndFileSizeKnown: boolean
  relativeOffsetOfLocalHeader: number
  getLocalFileHeader(): Buffer
  getDataDescriptor(): Buffer
  getCentralDirectoryRecord(): Buffer
}

type EntryClass = new (name: string, isDirectory: boolean, options: Partial<Options>) => ZipEntry

/** What yazl reads when it writes the central directory and the end of the file. */
interface Ending {
  entries: unknown
  outputStreamCursor: number
  outputStream: { write(bytes: Uint8Array): void; end(): void }
  end(): void
}
const entryDone = 3

const Entry = (() => {
  const zip = new ZipFile()
  zip.addEmptyDirectory('any/')
  const [entry] = (zip as unknown as { entries: ZipEntry[] }).entries
  return entry?.constructor as EntryClass
})()

/** 1980-01-01 00:00:00, the first that a zip has, without a zone: yazl writes what a clock here would have shown. */
const mtime = new Date(1980, 0, 1)

const folderOptions = { mtime, mode: 0o040755, forceDosTimestamp: true }
const fileOptions = { mtime, mode: 0o100644, forceDosTimestamp: true }
const storedOptions = { ...fileOptions, compressionLevel: 0 }
const packedOptions = { ...fileOptions, compressionLevel: level }

/** A folder; its name ends with a slash. */
export function folderEntry(name: string): ZipEntry {
  return new Entry(name, true, folderOptions)
}

/** Names are relative, with slashes, and without a way up. */
export function fileEntry(name: string, packs: boolean): ZipEntry {
  return new Entry(name, false, packs ? packedOptions : storedOptions)
}

/** The central directory as it grows: on the disk, for a package of a million entries has a hundred MB of it. */
export class ZipDirectory {
  readonly #spool: Spool
  #count = 0
  /** What comes first, in this order, though it may be written later; undefined until it is. */
  readonly #ahead: Map<string, Buffer | undefined>

  constructor(spool: Spool, ahead: readonly string[] = []) {
    this.#spool = spool
    this.#ahead = new Map(ahead.map((name) => [name, undefined]))
  }

  /** An entry that has been written. */
  add(entry: ZipEntry): void {
    this.#count++
    const record = entry.getCentralDirectoryRecord()
    const name = this.#ahead.size > 0 ? record.toString('utf8', 46, 46 + record.readUInt16LE(28)) : ''
    if (this.#ahead.has(name)) this.#ahead.set(name, record)
    else this.#spool.add(record)
  }

  /** Writes it, and the end of the zip, behind `position` bytes: yazl counts as many entries as there were, and asks for what stands of each. */
  end(position: number, write: (bytes: Uint8Array) => void): void {
    const spool = this.#spool
    const ahead = Buffer.concat([...this.#ahead.values()].filter((record) => record !== undefined))
    const entry = { state: entryDone }
    const zip = new ZipFile() as unknown as Ending
    zip.entries = Object.assign(
      Array.from({ length: this.#count }, () => entry),
      {
        forEach(visit: (entry: { getCentralDirectoryRecord: () => Uint8Array }) => void) {
          visit({ getCentralDirectoryRecord: () => ahead })
          for (const chunk of spool.chunks(segmentBytes)) visit({ getCentralDirectoryRecord: () => chunk })
        },
      },
    )
    zip.outputStreamCursor = position
    zip.outputStream = { write, end: () => undefined }
    zip.end()
  }
}
