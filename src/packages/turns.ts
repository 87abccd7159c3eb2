/** Work on the same thing, one after the other; on other things at the same time. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>()

  async take<T>(thing: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(thing)
    const mine = (async () => {
      await before
      return work()
    })()
    const settled = mine.then(
      () => undefined,
      () => undefined,
    )
    this.#last.set(thing, settled)
    try {
      return await mine
    } finally {
      if (this.#last.get(thing) === settled) this.#last.delete(thing)
    }
  }
}
