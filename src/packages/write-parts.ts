import type { KeyObject } from 'node:crypto'
import { rmSync } from 'node:fs'
import type { Job } from '../threads/pool.ts'
import { ThreadPool } from '../threads/pool.ts'
import { defaultLimits, type PackageLimits } from './limits.ts'
import type { ManifestHeader, PackageOrigin, PackageSummary } from './manifest.ts'
import type { PartLimits, Tally } from './part-limits.ts'
import type { PartsOrder, Said } from './parts-thread.ts'
import type { ThreadReading } from './thread-reading.ts'
import { spoolFiles } from './write-thread.ts'

/** Apart from those that write what others read: a large tree holds one for as long as it is read. */
const threads = new ThreadPool(2)
const thread = new URL('./parts-thread.js', import.meta.url)
/** One part is made ahead while another is kept. */
const ahead = 2

export interface PartsOptions {
  /** Names another file for each part. */
  readonly newFile: () => string
  readonly origin?: PackageOrigin | undefined
  readonly partLimits: PartLimits
  /** Of all packages where there are several, if its mode is another; else of all but the first. */
  readonly headerBehind?: ManifestHeader
  readonly limits?: PackageLimits
  readonly signing?: readonly KeyObject[]
  /** What was passed over, and why. */
  readonly note?: ((text: string) => void) | undefined
  readonly tally?: Tally | undefined
  readonly signal: AbortSignal
}

export interface MadePart {
  readonly file: string
  readonly summary: PackageSummary
  /** Another one follows. */
  readonly more: boolean
}

/**
 * Writes what its thread reads by itself as packages, at least one, and answers each once it is on the disk: then the file is the caller's.
 * Throws what `writePackage` does, and what reading throws.
 */
export async function* writeParts(
  header: ManifestHeader,
  reading: ThreadReading,
  {
    newFile,
    origin,
    partLimits,
    headerBehind = header,
    limits = defaultLimits,
    signing = [],
    note,
    tally,
    signal,
  }: PartsOptions,
): AsyncGenerator<MadePart, void, void> {
  const left = new AbortController()
  const order: PartsOrder = {
    ...{ header, headerBehind, origin, limits, signing, partLimits: { ...partLimits } },
    ...{ module: reading.module.href, order: reading.order },
  }
  const job = threads.start<PartsOrder, void>(thread, order, AbortSignal.any([signal, left.signal]))
  const parts = new Parts(job, note, tally)
  const files: string[] = []
  const add = (): void => {
    const file = newFile()
    files.push(file)
    job.port.postMessage(file)
  }
  try {
    for (let i = 0; i < ahead; i++) add()
    for (let more = true; more;) {
      const part = await parts.next()
      more = part.more
      const file = files.shift() as string
      if (more) add()
      yield { file, summary: part.made, more }
      signal.throwIfAborted()
    }
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    left.abort()
    await parts.ended
    for (const file of files) for (const one of [file, ...spoolFiles(file)]) rmSync(one, { force: true })
  }
}

type Part = Extract<Said, { made: unknown }>

/** The parts, as the thread tells of them; what else it says is passed on. */
class Parts {
  /** Also when it failed. */
  readonly ended: Promise<void>
  readonly #parts: Part[] = []
  #failure: { readonly error: unknown } | undefined
  #wake: (() => void) | undefined

  constructor({ port, result }: Job<void>, note?: (text: string) => void, tally?: Tally) {
    port.on('message', (said: Said) => {
      if ('notes' in said) for (const text of said.notes) note?.(text)
      else if ('entries' in said) tally?.(said.entries, said.bytes)
      else {
        this.#parts.push(said)
        this.#wake?.()
      }
    })
    this.ended = result.catch((error: unknown) => {
      this.#failure = { error }
      this.#wake?.()
    })
  }

  async next(): Promise<Part> {
    for (;;) {
      const part = this.#parts.shift()
      if (part !== undefined) return part
      if (this.#failure !== undefined) throw this.#failure.error
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}
