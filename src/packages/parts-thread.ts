/** Reads a tree and writes it as one package or several, in a thread: contents cross no other. */
import type { MessagePort } from 'node:worker_threads'
import { ReplicationError } from '../errors.ts'
import type { Blueprint } from './builder.ts'
import type { ManifestHeader, PackageSummary } from './manifest.ts'
import { PieceParts, type PartLimits } from './part-limits.ts'
import type { ReadPieces } from './thread-reading.ts'
import { writeFile } from './write-thread.ts'

export interface PartsOrder extends Blueprint {
  /** The module that reads, and what it is told. */
  readonly module: string
  readonly order: unknown
  readonly partLimits: PartLimits
  /** Of all packages where there are several, if its mode is another; else of all but the first. */
  readonly headerBehind: ManifestHeader
}

/** What the thread says: what it has passed over, how far it is, or a part that is on the disk. */
export type Said =
  | { readonly notes: readonly string[] }
  | { readonly entries: number; readonly bytes: number }
  | { readonly made: PackageSummary; readonly more: boolean }

/** Makes each part in the next file of which it is told, as far as it has been told of any. */
export async function run(order: PartsOrder, port: MessagePort, signal: AbortSignal): Promise<void> {
  const files = new Files(port, signal)
  const notes: string[] = []
  const say = (said: Said): void => {
    if (notes.length > 0) port.postMessage({ notes: notes.splice(0) } satisfies Said)
    port.postMessage(said)
  }
  const { read } = (await import(order.module)) as { read: ReadPieces }
  const pieces = read(order.order, (text) => void notes.push(text), signal)
  const parts = new PieceParts(pieces, order.partLimits, (entries, bytes) => say({ entries, bytes }))
  try {
    let { header } = order
    for (let more = true; more;) {
      const own = header
      const file = await files.next()
      const undecided = own.mode !== order.headerBehind.mode
      // The first may be all.
      const decide = async (): Promise<ManifestHeader> => ((await parts.more()) ? order.headerBehind : own)
      const made = await writeFile({ ...order, header: own, undecided, file }, parts.part(), decide)
      header = order.headerBehind
      more = await parts.more()
      say({ made, more })
    }
  } finally {
    await parts.close()
  }
}

/** The names of files, as they come through the port. */
class Files {
  readonly #names: string[] = []
  #stopped = false
  #wake: (() => void) | undefined

  constructor(port: MessagePort, signal: AbortSignal) {
    port.on('message', (name: string) => {
      this.#names.push(name)
      this.#wake?.()
    })
    signal.addEventListener('abort', () => {
      this.#stopped = true
      this.#wake?.()
    })
  }

  async next(): Promise<string> {
    for (;;) {
      // The signal's own reason does not survive the way out of a thread.
      if (this.#stopped) throw new ReplicationError('unavailable', 'stopped')
      const name = this.#names.shift()
      if (name !== undefined) return name
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}
