import type { Piece } from './pieces.ts'

/** What the thread that writes packages can read by itself, so that contents cross no other thread. */
export interface ThreadReading {
  /** A module that exports `read`, a `ReadPieces`; it is loaded in the thread. */
  readonly module: URL
  /** What `read` is told; it must be cloneable. */
  readonly order: unknown
}

/**
 * The pieces of a tree in path order, contents of more than a segment in segments. A piece is done with when the next is asked for: then its
 * memory is used again, and its files have their digests. `note` is told of what is passed over, and why.
 */
export type ReadPieces = (
  order: unknown,
  note: (text: string) => void,
  signal: AbortSignal,
) => AsyncGenerator<Piece, void, void>
