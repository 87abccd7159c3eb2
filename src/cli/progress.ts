import type { WriteStream } from 'node:tty'

const everyMs = 200

/** One line that changes, on a terminal alone: elsewhere it would be noise. */
export class Progress {
  readonly #stream: WriteStream
  #shownAt = 0

  constructor(stream: WriteStream) {
    this.#stream = stream
  }

  /** `line` is made only when it is shown. */
  show(line: () => string): void {
    if (!this.#stream.isTTY || performance.now() - this.#shownAt < everyMs) return
    this.#shownAt = performance.now()
    this.#stream.write(`\r\u001B[K${line()}`)
  }

  /** Leaves nothing behind. May be called again. */
  end(): void {
    if (this.#shownAt > 0) this.#stream.write('\r\u001B[K')
    this.#shownAt = 0
  }
}
