import { tooLong, type Piece, type Splitter } from './splitter.ts'

/** A document on each line; empty lines are passed over, and the last one need not end. */
export class LineSplitter implements Splitter {
  readonly #maxLength: number
  #line = 1
  #parts: string[] = []
  #length = 0

  constructor(maxLength: number) {
    this.#maxLength = maxLength
  }

  push(text: string): Piece[] {
    const pieces: Piece[] = []
    let from = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      this.#keep(text.slice(from, end))
      pieces.push(...this.end())
      this.#line++
      from = end + 1
    }
    this.#keep(text.slice(from))
    return pieces
  }

  end(): Piece[] {
    const text = this.#parts.length === 1 ? (this.#parts[0] ?? '') : this.#parts.join('')
    this.#parts = []
    this.#length = 0
    return text.trim() === '' ? [] : [{ text, line: this.#line }]
  }

  #keep(text: string): void {
    this.#parts.push(text)
    this.#length += text.length
    if (this.#length > this.#maxLength) throw tooLong(this.#maxLength, this.#line)
  }
}
