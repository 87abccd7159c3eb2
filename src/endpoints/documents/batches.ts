/** Resources on their way out of a thread that reads documents. */
import type { ResourcePath } from '../../resources/path.ts'
import type { Resource } from '../../resources/resource.ts'
import type { Job } from '../../threads/pool.ts'
import type { ReadOptions } from '../endpoint.ts'
import { batchesOf } from '../directory/job.ts'

export interface ResourceBatch {
  readonly entries: readonly { readonly path: ResourcePath; readonly size: number | undefined }[]
  /** The contents, one behind the other. */
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly notes: readonly string[]
}

const maxEntries = 256
const maxBytes = 1024 * 1024

/** In the thread: the resources, whose contents are at hand, and what was noted meanwhile. */
export async function* batched(
  resources: AsyncIterable<Resource>,
  notes: string[],
): AsyncGenerator<ResourceBatch, void, void> {
  let batch: { path: ResourcePath; content: Uint8Array | undefined }[] = []
  let bytes = 0
  const take = (): ResourceBatch => {
    const all = new Uint8Array(bytes)
    let at = 0
    for (const { content } of batch) {
      if (content !== undefined) all.set(content, at)
      at += content?.length ?? 0
    }
    const entries = batch.map(({ path, content }) => ({ path, size: content?.length }))
    batch = []
    bytes = 0
    return { entries, bytes: all, notes: notes.splice(0) }
  }
  for await (const { path, content } of resources) {
    const own = content?.() as Uint8Array | undefined
    batch.push({ path, content: own })
    bytes += own?.length ?? 0
    if (batch.length >= maxEntries || bytes >= maxBytes) yield take()
  }
  yield take()
}

/** On the other side. */
export async function* resourcesOf(
  job: Job<void>,
  { includes, note, signal }: Pick<ReadOptions, 'includes' | 'note' | 'signal'>,
): AsyncGenerator<Resource, void, void> {
  for await (const { entries, bytes, notes } of batchesOf<ResourceBatch>(job, signal)) {
    for (const text of notes) note?.(text)
    let at = 0
    for (const { path, size } of entries) {
      const own = bytes.subarray(at, (at += size ?? 0))
      if (includes?.(path) === false) continue
      yield size === undefined ? { path } : { path, content: () => own }
      signal.throwIfAborted()
    }
  }
}
