/** Some of a package's entries, by their numbers: a bit for each. */
export class EntrySet {
  count = 0
  #bits: Uint8Array<ArrayBuffer>

  /** `bits` as another has them. */
  constructor(bits = new Uint8Array(1024)) {
    this.#bits = bits
  }

  get bits(): Uint8Array<ArrayBuffer> {
    return this.#bits
  }

  /** A number that was not added before. */
  add(number: number): void {
    const at = number >> 3
    if (at >= this.#bits.length) {
      const more = new Uint8Array(Math.max(at + 1, 2 * this.#bits.length))
      more.set(this.#bits)
      this.#bits = more
    }
    this.#bits[at] = (this.#bits[at] ?? 0) | (1 << (number & 7))
    this.count++
  }

  has(number: number): boolean {
    return ((this.#bits[number >> 3] ?? 0) & (1 << (number & 7))) !== 0
  }
}
