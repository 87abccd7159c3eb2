import type { Readable } from 'node:stream'
import type { ResourcePath } from '../resources/path.ts'
import type { Change } from '../resources/resource.ts'
import { abortable } from './abortable.ts'
import { segmentBytes } from './compression.ts'
import { SegmentBuffers } from './segment-buffers.ts'

/**
 * Whole lines of a manifest, as `ManifestText` spells them, together no longer than a segment: folders, and files whose contents stay where
 * they are, as with a change that is `held`.
 */
export interface ListedLines {
  readonly kind: 'listed'
  readonly lines: Uint8Array
}

/** What a package is made of, in path order. */
export type Listed = Change | ListedLines

/** What crosses to the thread that writes: many small resources, or a segment of a large one. */
export type Piece = Batch | Segment

export interface Batch {
  readonly items: readonly Item[]
  /** The contents of its files, one behind the other. */
  readonly bytes: Uint8Array
}

export type Item =
  | {
      readonly type: 'file'
      readonly path: ResourcePath
      readonly size: number
      /** Of the content, once it was written. */
      digest?: string
    }
  /** Listed, without its content. */
  | { readonly type: 'held'; readonly path: ResourcePath; readonly digest: string; readonly size: number }
  /** Many of these and of folders, as so many bytes of lines in the place of a content. */
  | { readonly type: 'listed'; readonly length: number }
  | { readonly type: 'folder'; readonly path: ResourcePath }
  | { readonly type: 'delete'; readonly path: ResourcePath; readonly deep: boolean }

export interface Segment {
  /** With the first segment of a content. */
  readonly path?: ResourcePath
  readonly bytes: Uint8Array
  readonly last: boolean
  /** Of the whole content, once its last segment was written. */
  digest?: string
}

const maxItems = 256

/** The changes in pieces of at most a segment each, whose buffers nobody else uses, so that they can be transferred. */
export async function* piecesOf(
  changes: AsyncIterable<Listed>,
  signal: AbortSignal,
  buffers = new SegmentBuffers(),
): AsyncGenerator<Piece> {
  const batch = new BatchBuffer(buffers)
  const segments = new SegmentBuffer(buffers)
  for await (const change of abortable(changes, signal)) {
    if (change.kind === 'delete') batch.add({ type: 'delete', path: change.path, deep: change.deep })
    else if (change.kind === 'held')
      batch.add({ type: 'held', path: change.path, digest: change.digest, size: change.size })
    else if (change.kind === 'listed') {
      if (!batch.fits(change.lines)) yield batch.take()
      batch.add({ type: 'listed', length: change.lines.length }, change.lines)
    } else if (change.resource.content === undefined) batch.add({ type: 'folder', path: change.resource.path })
    else {
      const { path } = change.resource
      const content = change.resource.content()
      if (content instanceof Uint8Array && content.length <= segmentBytes) {
        if (!batch.fits(content)) yield batch.take()
        batch.add({ type: 'file', path, size: content.length }, content)
      } else {
        let begun = false
        for await (const bytes of segments.cut(content, signal)) {
          if (!begun && !batch.empty) yield batch.take()
          yield { ...(!begun && { path }), bytes, last: false }
          begun = true
        }
        const rest = segments.rest()
        if (begun) yield { bytes: Uint8Array.from(rest), last: true }
        else {
          if (!batch.fits(rest)) yield batch.take()
          batch.add({ type: 'file', path, size: rest.length }, rest)
        }
      }
    }
    if (batch.full) yield batch.take()
  }
  if (!batch.empty) yield batch.take()
}

class BatchBuffer {
  readonly #buffers: SegmentBuffers
  #items: Item[] = []
  #bytes: Buffer | undefined
  #used = 0

  constructor(buffers: SegmentBuffers) {
    this.#buffers = buffers
  }

  get empty(): boolean {
    return this.#items.length === 0
  }

  get full(): boolean {
    return this.#items.length >= maxItems
  }

  fits(content: Uint8Array): boolean {
    return this.#used + content.length <= segmentBytes
  }

  /** Copies the content: what it is a view of belongs to somebody else. */
  add(item: Item, content?: Uint8Array): void {
    this.#items.push(item)
    if (content === undefined || content.length === 0) return
    this.#bytes ??= this.#buffers.take()
    this.#bytes.set(content, this.#used)
    this.#used += content.length
  }

  take(): Batch {
    const batch = { items: this.#items, bytes: (this.#bytes ?? Buffer.alloc(0)).subarray(0, this.#used) }
    this.#items = []
    this.#bytes = undefined
    this.#used = 0
    return batch.bytes.length === 0 ? { ...batch, bytes: new Uint8Array(0) } : batch
  }
}

/** Cuts a content into segments, however it comes: the same content always gives the same segments. */
class SegmentBuffer {
  readonly #buffers: SegmentBuffers
  #bytes: Buffer | undefined
  #used = 0

  constructor(buffers: SegmentBuffers) {
    this.#buffers = buffers
  }

  /** Full segments, as long as more follows; what comes after the last of them is the rest. */
  async *cut(content: Uint8Array | Readable, signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
    this.#used = 0
    const chunks = content instanceof Uint8Array ? [content] : abortable<Uint8Array | string>(content, signal)
    for await (const chunk of chunks) {
      let left = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
      while (left.length > 0) {
        if (this.#used === segmentBytes) yield this.#take()
        this.#bytes ??= this.#buffers.take()
        const part = left.subarray(0, segmentBytes - this.#used)
        this.#bytes.set(part, this.#used)
        this.#used += part.length
        left = left.subarray(part.length)
      }
    }
  }

  /** Valid until the next cut. */
  rest(): Uint8Array {
    return (this.#bytes ?? Buffer.alloc(0)).subarray(0, this.#used)
  }

  #take(): Uint8Array {
    const full = this.#bytes as Buffer
    this.#bytes = undefined
    this.#used = 0
    return full
  }
}
