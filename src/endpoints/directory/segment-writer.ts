import type { Stats } from 'node:fs'
import { endOf, maxRecordBytes, pathOf, putRecord } from './digest-records.ts'
import type { DigestSegments, Segment } from './digest-segments.ts'

const segmentBytes = 256 * 1024
/** What has grown so large is cut in half, so that what comes between others does not move all that are behind it. */
export const maxSegmentBytes = 2 * segmentBytes
/** What has become so small goes on with what is behind it. */
const smallBytes = segmentBytes / 4

/** Makes segments of records that come in path order. Throws the errors of node:fs. */
export class SegmentWriter {
  readonly #segments: DigestSegments
  readonly #records = Buffer.allocUnsafeSlow(maxSegmentBytes + maxRecordBytes)
  #used = 0

  constructor(segments: DigestSegments) {
    this.#segments = segments
  }

  /** The bytes of the segment so far. */
  get length(): number {
    return this.#used
  }

  get isSmall(): boolean {
    return this.#used > 0 && this.#used < smallBytes
  }

  /** With the first records of a segment, in place of what was not ended. */
  begin(records: Buffer): void {
    this.#records.set(records)
    this.#used = records.length
  }

  /** Answers the segment that this record has filled. */
  copy(record: Buffer): Segment | undefined {
    this.#records.set(record, this.#used)
    return this.#grown(this.#used + record.length)
  }

  add(stats: Stats, line: Uint8Array): Segment | undefined {
    return this.#grown(putRecord(this.#records, this.#used, stats, line))
  }

  /** What the rest of them has become, if anything is left. */
  end(): Segment | undefined {
    return this.#used === 0 ? undefined : this.#store(this.#used)
  }

  #grown(used: number): Segment | undefined {
    this.#used = used
    if (used < maxSegmentBytes) return undefined
    let half = 0
    while (half < segmentBytes) half = endOf(this.#records, half)
    return this.#store(half)
  }

  #store(bytes: number): Segment {
    const segment = this.#segments.store(this.#records.subarray(0, bytes), pathOf(this.#records, 0))
    this.#records.copyWithin(0, bytes, this.#used)
    this.#used -= bytes
    return segment
  }
}
