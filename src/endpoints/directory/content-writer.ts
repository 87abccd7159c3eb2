/** Writes contents of a package to its staging folder, and so verifies them: in the thread that applies it, or in one that assists that. */
import { closeSync, openSync, writeSync } from 'node:fs'
import { ReplicationError } from '../../errors.ts'
import { segmentBytes } from '../../packages/compression.ts'
import { PackedContents, type Packed } from '../../packages/packed.ts'
import { parentPath, quote, rootPath, segmentsOf, type ResourcePath } from '../../resources/path.ts'
import type { Breath } from './breath.ts'
import { writeFault } from './faults.ts'
import { HeldFolders, openFolderAt, type FolderIdentity } from './held-folders.ts'
import { LargeWriter, newFile } from './large-writer.ts'

/** What to write from, and where to: good for any thread, as long as the thread that applies waits for it. */
export interface Staging {
  /** Absolute path of the package. */
  readonly file: string
  /** What to put before `/<name>` to reach what lies in the staging folder, and which folder that is. */
  readonly place: string
  readonly identity: FolderIdentity
}

export interface Writing {
  readonly path: ResourcePath
  readonly content: Packed | Buffer
  /** Within the staging folder, in a folder that is there. Undefined: it is only verified. */
  readonly to: ResourcePath | undefined
}

export class ContentWriter {
  readonly #staging: Staging
  readonly #breath: Breath
  readonly #large: LargeWriter
  #folders: HeldFolders | undefined
  #contents: PackedContents | undefined

  constructor(staging: Staging, breath: Breath) {
    this.#staging = staging
    this.#breath = breath
    this.#large = new LargeWriter(breath)
  }

  /** To be given in the order of the package. Throws `corrupt`, and the errors of writing. */
  async write(batch: readonly Writing[]): Promise<void> {
    const [first, last] = [batch.find(isSmall)?.content, batch.findLast(isSmall)?.content]
    if (first !== undefined && last !== undefined) await (await this.#reading()).load(first, last)
    for (const writing of batch) {
      const { path, content, to } = writing
      try {
        if (!isPacked(content)) {
          this.#put(content, to)
          continue
        }
        const contents = this.#contents ?? (await this.#reading())
        // To wait for what is at hand costs as much as to check it.
        if (isSmall(writing)) this.#put(contents.loaded(content) ?? (await contents.small(content)), to)
        else if (to !== undefined) await this.#large.write(contents.large(content), content.size, this.#placeOf(to))
      } catch (error) {
        throw writeFault(error, quote(path))
      }
    }
    if (this.#breath.due) await this.#breath.take()
  }

  async close(): Promise<void> {
    this.#folders?.close()
    await this.#contents?.close()
  }

  async #reading(): Promise<PackedContents> {
    return (this.#contents ??= await PackedContents.open(this.#staging.file))
  }

  #put(bytes: Uint8Array, to: ResourcePath | undefined): void {
    if (to === undefined) return
    const fd = openSync(this.#placeOf(to), newFile)
    try {
      for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written)
    } finally {
      closeSync(fd)
    }
  }

  #placeOf(to: ResourcePath): string {
    this.#folders ??= openStaging(this.#staging)
    return `${this.#folders.at(parentPath(to) ?? rootPath)}/${segmentsOf(to).at(-1) ?? ''}`
  }
}

/** `place` begins with a handle of the thread that applies: should that be gone, it is another's. */
function openStaging({ place, identity: { dev, ino } }: Staging): HeldFolders {
  const folders = new HeldFolders(place, false, openFolderAt)
  const { identity } = folders
  if (identity.dev === dev && identity.ino === ino) return folders
  folders.close()
  throw new ReplicationError('unavailable', 'the staging folder was moved away while it was written')
}

function isPacked(content: Packed | Buffer): content is Packed {
  return !Buffer.isBuffer(content)
}

function isSmall(writing: Writing): writing is Writing & { readonly content: Packed } {
  return isPacked(writing.content) && writing.content.size <= segmentBytes
}
