import { malformed, tooLong, type Piece, type Splitter } from './splitter.ts'

const [lineFeed, quote, comma, backslash] = [0x0a, 0x22, 0x2c, 0x5c]
const [open, close, openList, closeList] = [0x7b, 0x7d, 0x5b, 0x5d]

/**
 * Values of JSON one behind another, with or without line ends between them, and the members of lists at the top, each
 * as soon as its end has come. What it gives need not be JSON; what is between is.
 */
export class JsonSplitter implements Splitter {
  readonly #maxLength: number
  #line = 1
  /** Of the value that has begun. */
  #parts: string[] = []
  #length = 0
  #firstLine = 0
  #value: 'none' | 'structure' | 'string' | 'plain' = 'none'
  #depth = 0
  #inString = false
  #escaped = false
  /** In a list: whether a value must come next, may come, or a comma. */
  #list: 'none' | 'opened' | 'after-comma' | 'after-value' = 'none'

  constructor(maxLength: number) {
    this.#maxLength = maxLength
  }

  push(text: string): Piece[] {
    const pieces: Piece[] = []
    let from = 0
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      if (this.#value === 'none') {
        from = i
        if (this.#between(unit, text, i)) this.#begin(unit)
      } else if (this.#value === 'plain' ? endsPlain(unit) : this.#ends(unit)) {
        const end = this.#value === 'plain' ? i : i + 1
        this.#keep(text.slice(from, end))
        pieces.push(this.#piece())
        if (end === i) this.#between(unit, text, i)
      }
      if (unit === lineFeed) this.#line++
    }
    if (this.#value !== 'none') this.#keep(text.slice(from))
    return pieces
  }

  end(): Piece[] {
    // What is not whole is for the parser to refuse, which says what is wrong with it.
    const pieces = this.#value === 'none' ? [] : [this.#piece()]
    if (this.#list !== 'none') throw malformed('the list does not end', this.#line)
    return pieces
  }

  /** Whether a value begins here. */
  #between(unit: number, text: string, at: number): boolean {
    if (isSpace(unit)) return false
    if (unit === comma && this.#list === 'after-value') this.#list = 'after-comma'
    else if (unit === closeList && (this.#list === 'after-value' || this.#list === 'opened')) this.#list = 'none'
    else if (unit === openList && this.#list === 'none') this.#list = 'opened'
    else if (unit === comma || unit === closeList || unit === close || this.#list === 'after-value')
      throw malformed(`${JSON.stringify(text[at])} is not expected`, this.#line)
    else return true
    return false
  }

  #begin(unit: number): void {
    this.#firstLine = this.#line
    this.#inString = unit === quote
    this.#escaped = false
    this.#depth = unit === open || unit === openList ? 1 : 0
    this.#value = this.#depth > 0 ? 'structure' : this.#inString ? 'string' : 'plain'
  }

  #ends(unit: number): boolean {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false
      else if (unit === backslash) this.#escaped = true
      else if (unit === quote) {
        this.#inString = false
        return this.#depth === 0
      }
      return false
    }
    if (unit === quote) this.#inString = true
    else if (unit === open || unit === openList) this.#depth++
    else if (unit === close || unit === closeList) return --this.#depth === 0
    return false
  }

  #keep(text: string): void {
    this.#parts.push(text)
    this.#length += text.length
    if (this.#length > this.#maxLength) throw tooLong(this.#maxLength, this.#firstLine)
  }

  #piece(): Piece {
    const piece = { text: this.#parts.join(''), line: this.#firstLine }
    this.#parts = []
    this.#length = 0
    this.#value = 'none'
    if (this.#list !== 'none') this.#list = 'after-value'
    return piece
  }
}

function isSpace(unit: number): boolean {
  return unit === 0x20 || unit === lineFeed || unit === 0x0d || unit === 0x09
}

function endsPlain(unit: number): boolean {
  return isSpace(unit) || unit === comma || unit === closeList
}
