interface Asked {
  readonly listing: string
  readonly at: number
  readonly answer: Promise<boolean | undefined>
}

/**
 * Whether targets hold what they are known to hold, asked while what they are to get is still being made: another server takes about as long to find
 * that out as this one to list the source. An answer is for the one delivery for which it was asked, in this process, and for a while.
 */
export class AskedAhead {
  readonly #goodMs: number
  readonly #asked = new Map<string, Asked>()

  /** An answer that was asked for longer ago says too little of what is there now. */
  constructor(goodMs = 10_000) {
    this.#goodMs = goodMs
  }

  /** `listing` is that of PackageSummary; what goes wrong with the question is nobody's concern. */
  ask(delivery: string, listing: string, question: (listing: string) => Promise<boolean>): void {
    for (const [old, { at }] of this.#asked) if (this.#isOver(at)) this.#asked.delete(old)
    const answer = question(listing).catch(() => undefined)
    this.#asked.set(delivery, { listing, answer, at: performance.now() })
  }

  /** Once. Undefined where nobody has asked that, or it is too long ago, or there was no answer. */
  async answer(delivery: string, listing: string): Promise<boolean | undefined> {
    const asked = this.#asked.get(delivery)
    this.#asked.delete(delivery)
    if (asked?.listing !== listing || this.#isOver(asked.at)) return undefined
    return asked.answer
  }

  #isOver(at: number): boolean {
    return performance.now() - at > this.#goodMs
  }
}
