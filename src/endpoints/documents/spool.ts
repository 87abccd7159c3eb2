import { closeSync, openSync, readSync, writeSync } from 'node:fs'

const chunkBytes = 256 * 1024

/** Text on its way to an open file, some at a time. For threads. */
export class TextFile {
  readonly #fd: number
  #texts: string[] = []
  #length = 0

  constructor(fd: number) {
    this.#fd = fd
  }

  write(text: string): void {
    this.#texts.push(text)
    this.#length += text.length
    if (this.#length >= chunkBytes) this.flush()
  }

  flush(): void {
    const bytes = Buffer.from(this.#texts.join(''))
    for (let at = 0; at < bytes.length;) at += writeSync(this.#fd, bytes, at)
    this.#texts = []
    this.#length = 0
  }
}

/** What would be too much for the memory, on the disk: written once, then read any number of times. */
export class Spool<T> {
  readonly #place: string
  #fd: number | undefined
  readonly #file: TextFile

  /** A new file, `place` being good for as long as this writes. */
  constructor(place: string) {
    this.#place = place
    this.#fd = openSync(place, 'wx', 0o600)
    this.#file = new TextFile(this.#fd)
  }

  add(one: T): void {
    this.#file.write(`${JSON.stringify(one)}\n`)
  }

  /** Nothing can be added afterwards. */
  end(): void {
    this.#file.flush()
    this.close()
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  *all(): Generator<T, void, void> {
    const fd = openSync(this.#place, 'r')
    try {
      const decoder = new TextDecoder()
      const bytes = Buffer.allocUnsafe(chunkBytes)
      let rest = ''
      for (let got = readSync(fd, bytes); got > 0; got = readSync(fd, bytes)) {
        const lines = (rest + decoder.decode(bytes.subarray(0, got), { stream: true })).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) yield JSON.parse(line) as T
      }
    } finally {
      closeSync(fd)
    }
  }
}
