/** What a survey writes down, a line for each path: a letter for what is there, and the path as JSON. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import type { ResourcePath } from '../../resources/path.ts'
import type { Was } from '../mirror.ts'

const letters = { absent: 'a', content: 'c', folder: 'f' } as const
const meanings: Readonly<Record<string, Was['was']>> = { a: 'absent', c: 'content', f: 'folder' }

const chunkBytes = 64 * 1024

/** Throws the errors of node:fs. */
export class RecordWriter {
  readonly #fd: number
  #text = ''

  /** Makes the file. */
  constructor(file: string) {
    this.#fd = openSync(file, 'wx', 0o600)
  }

  add({ path, was }: Was): void {
    this.#text += `${letters[was]}${JSON.stringify(path)}\n`
    if (this.#text.length >= chunkBytes) this.end()
  }

  /** Writes what is left. */
  end(): void {
    const bytes = Buffer.from(this.#text)
    this.#text = ''
    for (let at = 0; at < bytes.length;) at += writeSync(this.#fd, bytes, at)
  }

  close(): void {
    closeSync(this.#fd)
  }
}

/** In the order in which they were written. Throws the errors of node:fs. */
export function* recordsIn(file: string): Generator<Was, void, void> {
  const fd = openSync(file, 'r')
  try {
    const chunk = Buffer.allocUnsafe(chunkBytes)
    const decoder = new TextDecoder()
    let rest = ''
    for (let read = readSync(fd, chunk); read > 0; read = readSync(fd, chunk)) {
      const lines = (rest + decoder.decode(chunk.subarray(0, read), { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines)
        yield { path: JSON.parse(line.slice(1)) as ResourcePath, was: meanings[line[0] as string] as Was['was'] }
    }
  } finally {
    closeSync(fd)
  }
}
