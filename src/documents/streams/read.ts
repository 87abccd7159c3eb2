import { ReplicationError } from '../../errors.ts'
import { parseJson } from '../json.ts'
import type { Value } from '../value.ts'
import { parseYaml } from '../yaml.ts'
import { JsonSplitter } from './split-json.ts'
import { LineSplitter } from './split-lines.ts'
import { YamlSplitter } from './split-yaml.ts'
import type { Piece, Splitter } from './splitter.ts'

/** Of a stream of documents: between `---`, in one list (or one behind another), or one on each line. */
export type StreamFormat = 'yaml' | 'json' | 'ndjson'

/** A document and where it stands, counted from 1. */
export interface Standing {
  readonly value: Value
  readonly number: number
  readonly line: number
}

export interface StreamOptions {
  /** Absent: what its first characters look like. */
  readonly format?: StreamFormat | undefined
  /** Of one document. */
  readonly maxLength?: number
}

const defaultMaxLength = 64 * 1024 * 1024

/**
 * The documents of a text in UTF-8, each as soon as its end has come; one of them is held at a time. Empty ones are passed
 * over. Throws `invalid` and `too-large`, naming the document by its number and line; what reading the bytes throws comes
 * out as it is.
 */
export async function* readDocuments(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { format, maxLength = defaultMaxLength }: StreamOptions = {},
): AsyncGenerator<Standing, void, void> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const reader = new Reader(format, maxLength)
  for await (const chunk of chunks) yield* reader.push(decoded(decoder, chunk))
  yield* reader.push(decoded(decoder))
  yield* reader.end()
}

/** The same of a text that is there as a whole. */
export function* documentsIn(
  bytes: Uint8Array,
  { format, maxLength = defaultMaxLength }: StreamOptions = {},
): Generator<Standing, void, void> {
  const reader = new Reader(format, maxLength)
  const decoder = new TextDecoder('utf-8', { fatal: true })
  yield* reader.push(decoded(decoder, bytes) + decoded(decoder))
  yield* reader.end()
}

class Reader {
  readonly #maxLength: number
  #format: StreamFormat | undefined
  #splitter: Splitter | undefined
  /** So long as it is not known what it is. */
  #first = ''
  #number = 0

  constructor(format: StreamFormat | undefined, maxLength: number) {
    this.#format = format
    this.#maxLength = maxLength
  }

  push(text: string): Iterable<Standing> {
    if (this.#splitter !== undefined) return this.#documents(this.#splitter.push(text))
    this.#first += text
    this.#format ??= formatOf(this.#first)
    if (this.#format === undefined) {
      if (this.#first.length > this.#maxLength) throw new ReplicationError('too-large', 'nothing comes but spaces')
      return []
    }
    this.#splitter = splitterFor(this.#format, this.#maxLength)
    return this.#documents(this.#splitter.push(this.#first))
  }

  end(): Iterable<Standing> {
    return this.#documents(this.#splitter?.end() ?? [])
  }

  *#documents(pieces: readonly Piece[]): Generator<Standing, void, void> {
    for (const { text, line } of pieces) {
      const value = this.#parsed(text, line)
      if (value !== undefined && value !== null) yield { value, number: ++this.#number, line }
    }
  }

  #parsed(text: string, line: number): Value | undefined {
    try {
      return this.#format === 'yaml' ? parseYaml(text) : parseJson(text)
    } catch (error) {
      if (!(error instanceof ReplicationError)) throw error
      const message = error.message.replace(/\((\d+):(\d+)\)$/, (_, row: string, column: string) => {
        return `(line ${line + Number(row) - 1}, column ${column})`
      })
      throw new ReplicationError(error.code, `document ${this.#number + 1} on line ${line}: ${message}`, {
        cause: error,
      })
    }
  }
}

function splitterFor(format: StreamFormat, maxLength: number): Splitter {
  switch (format) {
    case 'yaml':
      return new YamlSplitter(maxLength)
    case 'json':
      return new JsonSplitter(maxLength)
    case 'ndjson':
      return new LineSplitter(maxLength)
  }
}

/** Undefined as long as it cannot be told. JSON on lines is JSON too. */
export function formatOf(text: string): StreamFormat | undefined {
  const [, first, second] = /^\s*(\S)?\s*(\S)?/.exec(text) ?? []
  if (first === '[') return 'json'
  if (first !== '{') return first === undefined ? undefined : 'yaml'
  if (second === undefined) return undefined
  return second === '"' || second === '}' ? 'json' : 'yaml'
}

function decoded(decoder: InstanceType<typeof TextDecoder>, chunk?: Uint8Array): string {
  try {
    return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true })
  } catch (error) {
    throw new ReplicationError('invalid', 'the text is not in UTF-8', { cause: error })
  }
}
