import { constants, deflateRawSync, type ZlibOptions } from 'node:zlib'
import { deflated, stored } from './zip-format.ts'

/** Content is packed in segments of this size, each by itself: memory stays flat, and one call does it. */
export const segmentBytes = 1024 * 1024

/**
 * 10,000 JSON files of 0.5 to 4 KB: level 1 takes 0.18 s and leaves 21.3 %, 3 takes 0.19 s and 21.0 %, 6 takes 0.28 s and
 * 20.5 %. 49 MB of larger JSON: 0.15 s and 11.5 %, 0.17 s and 10.5 %, 0.39 s and 9.0 %.
 */
const level = 3
/** Packed content must save this share, or it is not worth unpacking. */
const worth = 0.95
/** What is larger is judged by a sample first. */
const judgedWholeBytes = 16 * 1024
const sampleBytes = 4 * 1024
/** Readers refuse what unpacks to more than 200 times its size as a bomb, so we stay far below. */
const maxRatio = 100

/** A whole content of at most one segment. */
export function pack(content: Uint8Array): { method: typeof stored | typeof deflated; bytes: Uint8Array } {
  const bytes = deflate(content, constants.Z_FINISH)
  return bytes === undefined ? { method: stored, bytes: content } : { method: deflated, bytes }
}

/**
 * The method for content of several segments, judged by the first: the local header is written before the rest is seen.
 */
export function methodFor(first: Uint8Array): typeof stored | typeof deflated {
  return paysBySample(first) ? deflated : stored
}

/**
 * One segment of deflated content. Each ends on a byte's border without ending the stream, so they can be put one behind
 * the other; a segment that does not shrink is in stored blocks.
 */
export function packSegment(segment: Uint8Array): Uint8Array {
  return deflate(segment, constants.Z_SYNC_FLUSH) ?? storedBlocks(segment)
}

/** Ends a stream of segments: an empty last block. */
export const lastBlock = new Uint8Array([3, 0])

function deflate(content: Uint8Array, flush: number): Uint8Array | undefined {
  if (!paysBySample(content)) return undefined
  const options = { level, finishFlush: flush, chunkSize: chunkSizeFor(content.length) }
  const packed = deflateRawSync(content, options)
  if (packed.length >= content.length * worth) return undefined
  return packed.length * maxRatio < content.length ? loosely(content, options) : packed
}

/** A tenth of it without looking for repetitions takes a bit for each byte at least, so all of it an eightieth. */
function loosely(content: Uint8Array, options: ZlibOptions): Uint8Array {
  const tenth = Math.ceil(content.length / 10)
  const { Z_HUFFMAN_ONLY: strategy, Z_SYNC_FLUSH: finishFlush } = constants
  return Buffer.concat([
    deflateRawSync(content.subarray(0, tenth), { ...options, strategy, finishFlush }),
    deflateRawSync(content.subarray(tenth), options),
  ])
}

function paysBySample(content: Uint8Array): boolean {
  if (content.length <= judgedWholeBytes) return content.length > 0
  const middle = content.length >> 1
  const sample = content.subarray(middle, middle + sampleBytes)
  return deflateRawSync(sample, { level: 1, chunkSize: chunkSizeFor(sampleBytes) }).length < sample.length * worth
}

/** zlib allocates its output in chunks: one that holds all of it, and not the 16 KiB that a small file would keep. */
function chunkSizeFor(size: number): number {
  return Math.max(256, Math.ceil(size * 1.01) + 64)
}

function storedBlocks(segment: Uint8Array): Uint8Array {
  const blocks: Uint8Array[] = []
  for (let at = 0; at < segment.length; at += 0xffff) {
    const block = segment.subarray(at, at + 0xffff)
    const head = Buffer.alloc(5)
    head.writeUInt16LE(block.length, 1)
    head.writeUInt16LE(block.length ^ 0xffff, 3)
    blocks.push(head, block)
  }
  return Buffer.concat(blocks)
}
