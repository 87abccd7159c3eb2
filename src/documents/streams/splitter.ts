import { ReplicationError } from '../../errors.ts'

/** The text of one document. */
export interface Piece {
  readonly text: string
  /** On which it begins, counted from 1. */
  readonly line: number
}

/** Cuts a text that comes in parts into documents; holds one of them. */
export interface Splitter {
  /** What has come to its end. Throws `invalid`, `too-large`. */
  push(text: string): Piece[]
  /** What is left when nothing more comes. */
  end(): Piece[]
}

export function malformed(what: string, line: number): ReplicationError {
  return new ReplicationError('invalid', `line ${line}: ${what}`)
}

export function tooLong(maxLength: number, line: number): ReplicationError {
  return new ReplicationError('too-large', `the document on line ${line} has more than ${maxLength} characters`)
}
