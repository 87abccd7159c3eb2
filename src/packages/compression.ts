import { deflateRawSync } from 'node:zlib'

/** Content crosses to the writer and is read in pieces of at most this size: memory stays flat. */
export const segmentBytes = 1024 * 1024

/**
 * 10,000 JSON files of 0.5 to 4 KB: level 1 takes 0.18 s and leaves 21.3 %, 3 takes 0.19 s and 21.0 %, 6 takes 0.28 s and
 * 20.5 %. 49 MB of larger JSON: 0.15 s and 11.5 %, 0.17 s and 10.5 %, 0.39 s and 9.0 %.
 */
export const level = 3
/**
 * What is smaller is stored. yazl deflates each buffer by a trip to another thread, 0.1 ms of work whatever its size: for a
 * file of 2 KB that saves bytes more slowly than a network of 100 Mbit/s carries them.
 */
const smallBytes = 4096
/** Packed content must save this share, or it is not worth unpacking. */
const worth = 0.95
/**
 * What is larger is judged first: by a sample, then as a whole. What is smaller costs as much to judge as to deflate, and
 * the headers about it keep it from being a bomb.
 */
const judgedBytes = 16 * 1024
const sampleBytes = 4 * 1024
/** Readers refuse what unpacks to more than 200 times its size as a bomb, so we store what would come near. */
const maxRatio = 100

/** Judges content, segment by segment, by packing it: whether it should be deflated. */
export class Judgement {
  #size = 0
  #packed = 0

  add(segment: Uint8Array): void {
    this.#size += segment.length
    this.#packed += paysBySample(segment) ? packedSize(segment, level) : segment.length
  }

  get pays(): boolean {
    return this.#packed < this.#size * worth && this.#packed * maxRatio >= this.#size
  }
}

/** For a whole content of at most one segment. */
export function pays(content: Uint8Array): boolean {
  if (content.length <= judgedBytes) return content.length >= smallBytes
  const judgement = new Judgement()
  judgement.add(content)
  return judgement.pays
}

/** For the first segment of several: nothing is lost when it says yes, and the others then say no. */
export function paysBySample(content: Uint8Array): boolean {
  if (content.length <= judgedBytes) return content.length > 0
  const middle = content.length >> 1
  const sample = content.subarray(middle, middle + sampleBytes)
  return packedSize(sample, 1) < sample.length * worth
}

function packedSize(content: Uint8Array, hard: number): number {
  // zlib allocates its output in chunks: one that holds all of it, and not the 16 KiB that a small file would keep.
  return deflateRawSync(content, { level: hard, chunkSize: Math.ceil(content.length * 1.01) + 64 }).length
}
