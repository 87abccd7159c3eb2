/** Reads JSON that holds nothing unusual, at a third of what a parser costs that tells every mistake. */
import { numberOf, type Fields, type Value } from './value.ts'

/** Also bounds how many values there can be. */
const maxLength = 4 * 1024 * 1024
const maxDepth = 100

const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
// oxlint-disable-next-line no-control-regex -- JSON has them escaped
const escaped = /[\\\u0000-\u001f]/

/** Undefined for what is to be read with more care: what is no JSON, has escapes, or names a member twice. */
export function parsePlainJson(text: string): Value | undefined {
  if (text.length > maxLength) return undefined
  const reader = new Reader(text)
  const value = reader.value(0)
  return value === undefined || !reader.isAtEnd ? undefined : value
}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  get isAtEnd(): boolean {
    return Number.isNaN(this.#next())
  }

  value(depth: number): Value | undefined {
    switch (this.#next()) {
      case 0x22:
        return this.#string()
      case 0x7b:
        return this.#fields(depth)
      case 0x5b:
        return this.#list(depth)
      case 0x74:
        return this.#word('true', true)
      case 0x66:
        return this.#word('false', false)
      case 0x6e:
        return this.#word('null', null)
      default:
        return this.#number()
    }
  }

  #fields(depth: number): Value | undefined {
    if (depth > maxDepth) return undefined
    const fields: Record<string, Value> = {}
    this.#at++
    if (this.#next() === 0x7d) return this.#passed(fields)
    for (;;) {
      if (this.#next() !== 0x22) return undefined
      const name = this.#string()
      if (name === undefined || name === '__proto__' || Object.hasOwn(fields, name)) return undefined
      if (this.#next() !== 0x3a) return undefined
      this.#at++
      const value = this.value(depth + 1)
      if (value === undefined) return undefined
      fields[name] = value
      const sign = this.#next()
      if (sign === 0x7d) return this.#passed(fields satisfies Fields)
      if (sign !== 0x2c) return undefined
      this.#at++
    }
  }

  #list(depth: number): Value | undefined {
    if (depth > maxDepth) return undefined
    const list: Value[] = []
    this.#at++
    if (this.#next() === 0x5d) return this.#passed(list)
    for (;;) {
      const value = this.value(depth + 1)
      if (value === undefined) return undefined
      list.push(value)
      const sign = this.#next()
      if (sign === 0x5d) return this.#passed(list)
      if (sign !== 0x2c) return undefined
      this.#at++
    }
  }

  #passed(value: Value): Value {
    this.#at++
    return value
  }

  #string(): string | undefined {
    const end = this.#text.indexOf('"', this.#at + 1)
    if (end < 0) return undefined
    const text = this.#text.slice(this.#at + 1, end)
    if (escaped.test(text)) return undefined
    this.#at = end + 1
    return text
  }

  #word(word: string, value: boolean | null): Value | undefined {
    if (!this.#text.startsWith(word, this.#at)) return undefined
    this.#at += word.length
    return value
  }

  #number(): Value | undefined {
    number.lastIndex = this.#at
    const [text] = number.exec(this.#text) ?? []
    if (text === undefined) return undefined
    this.#at += text.length
    return numberOf(text)
  }

  /** The next character that is no space; NaN at the end. */
  #next(): number {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return code
      this.#at++
    }
  }
}
