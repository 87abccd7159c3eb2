import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, readdir, rename, rm, stat, statfs, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { ReplicationError } from '../errors.ts'
import { gone, guarded } from './storage-error.ts'

/** What an upload is part of. */
export interface UploadName {
  /** Who sends it, where to, and in which delivery: whoever names another key gets nothing of it. */
  readonly key: string
  /** Names these very bytes, and how many they are in all: parts of two different files never meet. */
  readonly tag: string
  readonly length: number
  /** Of several who send it only the newest goes on. */
  readonly epoch: number
}

/** An upload that is being received. */
export interface Receiving {
  /** Nobody else writes to it. It has the bytes before `from` already, and is not there while that is 0. */
  readonly file: string
  readonly from: number
  /** The upload has broken off, and nothing is written to the file any more: what came of it stays, if it may. */
  readonly keep: () => Promise<void>
}

/** For as long a repeat of an import is known as one. */
const keptMs = 24 * 3_600_000
const mostKept = 1000
/** Where many uploads begin and end all the time, what is missed for once is sent again. */
const mostLooks = 10

interface Found {
  readonly name: string
  readonly tag: string
  readonly epoch: number
  readonly isKept: boolean
  readonly bytes: number
  readonly mtimeMs: number
}

const form = /^([0-9a-f]{32})\.([0-9a-f]{32})\.(\d{1,15})\.(kept|[0-9a-f-]{36}\.open)$/

/**
 * What came of uploads that broke off, beside the packages, and never taken for one. `<key>.<tag>.<epoch>.kept` waits to be gone on with: whoever
 * does so renames it, so that it is his alone. `….<uuid>.open` is being written; another server, which can no longer reach who writes it, goes
 * on with a copy, and removes it. So no file ever has two who write to it, and what is put together is verified as any package is.
 */
export class UnfinishedUploads {
  readonly #folder: string
  readonly #maxBytes: number

  private constructor(folder: string, maxBytes: number) {
    this.#folder = folder
    this.#maxBytes = maxBytes
  }

  /** Keeps no more than `maxBytes` of them. `alone`: what is open was left by somebody who died, and can be gone on with. */
  static async open(
    folder: string,
    { maxBytes, alone }: { readonly maxBytes: number; readonly alone: boolean },
  ): Promise<UnfinishedUploads> {
    await mkdir(folder, { recursive: true })
    const uploads = new UnfinishedUploads(folder, maxBytes)
    if (alone)
      for (const name of await readdir(folder))
        if (name.endsWith('.open'))
          await rename(join(folder, name), join(folder, `${name.split('.', 3).join('.')}.kept`))
    await uploads.sweep()
    return uploads
  }

  /** How much of it is here already: fewer bytes than all. Throws `conflict` when somebody newer sends it. */
  async received(upload: UploadName): Promise<number> {
    return guarded('looking for an upload', async () => {
      const [longest] = await this.#partsOf(upload)
      // The rest of one that came whole is its last byte.
      return longest === undefined ? 0 : Math.min(longest.bytes, upload.length - 1)
    })
  }

  /** To be received from that byte on. Throws `conflict` when so much of it is not here, or somebody newer sends it. */
  async begin(upload: UploadName, from: number): Promise<Receiving> {
    return guarded('receiving a package', async () => {
      const file = join(this.#folder, `${prefixOf(upload)}.${randomUUID()}.open`)
      const parts = await this.#partsOf(upload)
      if (from > 0 && !(await this.#takeOver(parts, from, file))) {
        const message = `${from} bytes of this upload are not here; ask again how many are, or send it from its beginning`
        throw new ReplicationError('conflict', message)
      }
      // Another file in the same delivery, or one that is sent from its beginning after all.
      for (const { name, isKept } of await this.#of(upload.key))
        if (isKept) await rm(join(this.#folder, name), { force: true })
      return { file, from, keep: () => this.#keep(upload, file) }
    })
  }

  /** Removes what is too old, too much, or more than the disk has left. */
  async sweep(now = Date.now()): Promise<void> {
    await guarded('sweeping uploads', async () => {
      const { bavail, bsize } = await statfs(this.#folder)
      let room = Math.min(this.#maxBytes, bavail * bsize)
      let places = mostKept
      const found = await this.#all()
      for (const { name, isKept, bytes, mtimeMs } of found.toSorted((one, other) => other.mtimeMs - one.mtimeMs)) {
        if (mtimeMs >= now - keptMs && !isKept) continue
        room -= bytes
        if (mtimeMs < now - keptMs || room < 0 || --places < 0) await rm(join(this.#folder, name), { force: true })
      }
    })
  }

  async #keep(upload: UploadName, file: string): Promise<void> {
    const own = await stat(file).catch(gone)
    const others = (await this.#of(upload.key)).filter(({ name }) => join(this.#folder, name) !== file)
    // Whoever is newer may have gone on with a copy of it.
    const isUseless = others.some(
      ({ epoch, isKept, bytes }) => epoch > upload.epoch || (isKept && bytes >= (own?.size ?? 0)),
    )
    if (own === undefined || own.size === 0 || isUseless) {
      await rm(file, { force: true })
      return
    }
    await rename(file, join(this.#folder, `${prefixOf(upload)}.kept`))
    await this.sweep()
  }

  /** Makes the file of what is there, of one whose name nobody has taken meanwhile. */
  async #takeOver(parts: readonly Found[], from: number, file: string): Promise<boolean> {
    for (const { name, isKept, bytes } of parts) {
      const there = join(this.#folder, name)
      if (bytes < from) continue
      if (!isKept) {
        const out = createWriteStream(file, { flags: 'w', mode: 0o600 })
        await pipeline(createReadStream(there, { end: from - 1 }), out).catch(gone)
        // Whoever still writes to it has nothing in the end.
        await rm(out.bytesWritten === from ? there : file, { force: true })
        if (out.bytesWritten === from) return true
        continue
      }
      if ((await rename(there, file).then(() => true, gone)) !== true) continue
      if (bytes > from) await truncate(file, from)
      return true
    }
    return false
  }

  /** Of the same file and no newer, the longest first. Throws `conflict` when there is anything newer. */
  async #partsOf({ key, tag, length, epoch }: UploadName): Promise<Found[]> {
    const found = await this.#of(key)
    if (found.some((one) => one.epoch > epoch))
      throw new ReplicationError('conflict', 'this upload was taken over by a newer epoch of its lane')
    const same = digestOf([tag, length])
    return found
      .filter((one) => one.tag === same)
      .toSorted((one, other) => other.bytes - one.bytes || Number(other.isKept) - Number(one.isKept))
  }

  async #of(key: string): Promise<Found[]> {
    return this.#all(`${digestOf(key)}.`)
  }

  async #all(prefix = ''): Promise<Found[]> {
    for (let looks = 1; ; looks++) {
      const found: Found[] = []
      let isWhole = true
      for (const name of await readdir(this.#folder)) {
        const [, , tag = '', epoch, how] = (name.startsWith(prefix) && form.exec(name)) || []
        if (how === undefined) continue
        const there = await stat(join(this.#folder, name)).catch(gone)
        if (there === undefined) isWhole = false
        else {
          const { size: bytes, mtimeMs } = there
          found.push({ name, tag, epoch: Number(epoch), isKept: how === 'kept', bytes, mtimeMs })
        }
      }
      // What has gone since it was listed may be there by another name.
      if (isWhole || looks === mostLooks) return found
    }
  }
}

function prefixOf({ key, tag, length, epoch }: UploadName): string {
  return `${digestOf(key)}.${digestOf([tag, length])}.${epoch}`
}

function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32)
}
