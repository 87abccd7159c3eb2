import { tooLong, type Piece, type Splitter } from './splitter.ts'

/** Longer than the marks of a document, with the space that must follow. */
const headLength = 4

/**
 * Documents of YAML, between the marks `---` and `...` at the beginnings of lines, where nothing within a document can
 * have them.
 */
export class YamlSplitter implements Splitter {
  readonly #maxLength: number
  #line = 1
  #firstLine = 1
  #parts: string[] = []
  #length = 0
  /** The beginning of a line that may be a mark. */
  #head = ''
  #inLine = false
  /** More has come than comments and directives, which belong to what follows. */
  #begun = false
  #ending = false

  constructor(maxLength: number) {
    this.#maxLength = maxLength
  }

  push(chunk: string): Piece[] {
    const text = this.#head + chunk
    this.#head = ''
    const pieces: Piece[] = []
    let from = 0
    let at = 0
    while (at < text.length) {
      if (!this.#inLine) {
        if (text.length - at < headLength && !text.includes('\n', at)) {
          this.#keep(text.slice(from, at))
          this.#head = text.slice(at)
          return pieces
        }
        const mark = markAt(text, at)
        if (mark === '---' && this.#begun) {
          pieces.push(...this.#piece(text.slice(from, at)))
          from = at
        }
        this.#ending = mark === '...'
        this.#begun ||= mark === '---' || (mark === undefined && !isPrelude(text, at))
        this.#inLine = true
      }
      const end = text.indexOf('\n', at)
      if (end < 0) break
      at = end + 1
      this.#line++
      this.#inLine = false
      if (!this.#ending) continue
      pieces.push(...this.#piece(text.slice(from, at)))
      from = at
    }
    this.#keep(text.slice(from))
    return pieces
  }

  end(): Piece[] {
    const rest = this.#head
    this.#head = ''
    const pieces = rest === '---' && this.#begun ? this.#piece('') : []
    return [...pieces, ...this.#piece(rest)]
  }

  #keep(text: string): void {
    this.#parts.push(text)
    this.#length += text.length
    if (this.#length > this.#maxLength) throw tooLong(this.#maxLength, this.#firstLine)
  }

  #piece(rest: string): Piece[] {
    this.#keep(rest)
    const piece = { text: this.#parts.join(''), line: this.#firstLine }
    this.#parts = []
    this.#length = 0
    this.#firstLine = this.#line
    this.#begun = false
    this.#ending = false
    return piece.text === '' ? [] : [piece]
  }
}

function markAt(text: string, at: number): '---' | '...' | undefined {
  const mark = text.startsWith('---', at) ? '---' : text.startsWith('...', at) ? '...' : undefined
  return mark === undefined || ' \t\r\n'.includes(text.charAt(at + 3)) ? mark : undefined
}

function isPrelude(text: string, at: number): boolean {
  const first = text.charAt(at)
  return first === '#' || first === '%' || first === '\n' || first === '\r'
}
