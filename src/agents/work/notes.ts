/** How many notes an entry keeps; the last of them says how many more there were. */
const maxNotes = 20

/** What was passed over and why. */
export class Notes {
  readonly #kept: string[] = []
  #more = 0

  add(note: string): void {
    if (this.#kept.length < maxNotes - 1) this.#kept.push(note)
    else this.#more++
  }

  /** All is told again. */
  forget(): void {
    this.#kept.length = 0
    this.#more = 0
  }

  asField(): { readonly notes?: readonly string[] } {
    if (this.#kept.length === 0) return {}
    return { notes: this.#more === 0 ? this.#kept : [...this.#kept, `and ${this.#more} more`] }
  }
}
