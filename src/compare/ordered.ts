import { comparePaths, type ResourcePath } from '../resources/path.ts'

/** What comes in path order, asked for in path order. */
export class Ordered<T> {
  readonly #items: AsyncIterator<T>
  readonly #pathOf: (item: T) => ResourcePath
  #next: T | undefined
  #begun = false

  constructor(items: AsyncIterable<T>, pathOf: (item: T) => ResourcePath) {
    this.#items = items[Symbol.asyncIterator]()
    this.#pathOf = pathOf
  }

  /** The one at the path; those before it are passed over. */
  async at(path: ResourcePath): Promise<T | undefined> {
    if (!this.#begun) await this.#step()
    while (this.#next !== undefined && comparePaths(this.#pathOf(this.#next), path) < 0) await this.#step()
    return this.#next !== undefined && this.#pathOf(this.#next) === path ? this.#next : undefined
  }

  async close(): Promise<void> {
    await this.#items.return?.()
  }

  async #step(): Promise<void> {
    this.#begun = true
    const { done, value } = await this.#items.next()
    this.#next = done === true ? undefined : value
  }
}
