/** First in, first out, in a step each, however long it is: an array moves all that is behind what it gives. */
export class Queue<T> {
  #items: T[]
  #at = 0

  constructor(items: T[] = []) {
    this.#items = items
  }

  get head(): T | undefined {
    return this.#items[this.#at]
  }

  push(item: T): void {
    this.#items.push(item)
  }

  take(): void {
    this.#at++
    if (this.#at < 1000 || this.#at < this.#items.length / 2) return
    this.#items = this.#items.slice(this.#at)
    this.#at = 0
  }
}
