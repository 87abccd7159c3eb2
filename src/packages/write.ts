import type { KeyObject } from 'node:crypto'
import { once } from 'node:events'
import type { Transferable } from 'node:worker_threads'
import { ThreadPool } from '../threads/pool.ts'
import { send } from '../threads/stream.ts'
import { defaultLimits, type PackageLimits } from './limits.ts'
import type { ManifestHeader, ManifestPart, PackageOrigin, PackageSummary } from './manifest.ts'
import { piecesOf, type Listed, type Piece } from './pieces.ts'
import { SegmentBuffers } from './segment-buffers.ts'
import type { Decided, WriteOrder } from './write-thread.ts'

const threads = new ThreadPool(2)
const thread = new URL('./write-thread.js', import.meta.url)

export interface WriteOptions {
  /** Made by it, and removed again when it fails; an error when it is there already. */
  readonly file: string
  readonly origin?: PackageOrigin | undefined
  readonly limits?: PackageLimits
  /** The changes may hold contents back; the package is marked as a delta. */
  readonly delta?: boolean
  /** Its header after all, which may have another mode and other filters; asked for behind the last change. */
  readonly decide?: (() => ManifestHeader) | undefined
  readonly signing?: readonly KeyObject[]
  readonly signal: AbortSignal
}

/**
 * Writes a package of the changes, and answers once it is on the disk. Changes come strictly in path order, within the
 * header's roots, and all with their contents unless it is a delta: else `invalid`. `too-large` beyond the limits, `unavailable` when the disk is full; what reading the
 * changes throws comes out as it is, and when `signal` aborts its reason.
 */
export async function writePackage(
  header: ManifestHeader,
  changes: AsyncIterable<Listed>,
  { file, origin, limits = defaultLimits, delta = false, decide, signing = [], signal }: WriteOptions,
): Promise<PackageSummary> {
  const ended = new AbortController()
  const stop = AbortSignal.any([signal, ended.signal])
  const order: WriteOrder = { header, origin, limits, delta, undecided: decide !== undefined, signing, file }
  const job = threads.start<WriteOrder, PackageSummary>(thread, order, signal)
  const buffers = new SegmentBuffers()
  let failure: { readonly error: unknown } | undefined
  async function* pieces(): AsyncGenerator<Piece | Decided> {
    try {
      yield* piecesOf(changes, stop, buffers)
      if (decide !== undefined) yield { header: decide() }
    } catch (error) {
      failure = { error }
      throw error
    }
  }
  let sent: Promise<void> | undefined
  try {
    // Nobody may hold a thread that reads while waiting for one that writes: those who write may need it.
    await Promise.race([once(job.port, 'message'), job.result])
    buffers.listen(job.port)
    sent = send(job.port, pieces(), (piece) => ('bytes' in piece ? [piece.bytes.buffer as Transferable] : []))
    const summary = await job.result
    await sent
    return summary
  } catch (error) {
    const first = failure?.error
    // The thread has ended: whoever makes the changes need not go on.
    ended.abort()
    await sent
    signal.throwIfAborted()
    throw first ?? error
  }
}

/**
 * Writes an index of parts, in the order in which they are applied. `header` is that of the whole tree. Throws `invalid` without
 * parts, or when one comes twice; `too-large` beyond the limits, `unavailable` when the disk is full.
 */
export async function writeIndex(
  header: ManifestHeader,
  parts: readonly ManifestPart[],
  { file, origin, limits = defaultLimits, signing = [], signal }: WriteOptions,
): Promise<PackageSummary> {
  try {
    return await threads.run<WriteOrder, PackageSummary>(
      thread,
      { header, origin, limits, signing, file, parts },
      signal,
    )
  } catch (error) {
    signal.throwIfAborted()
    throw error
  }
}
