import { createHash, type Hash } from 'node:crypto'
import type { ResourceState } from '../resources/resource.ts'

/** The digest of a listing: of the path, digest and size of all that comes by, in its order. */
export class Seal {
  readonly #hash: Hash = createHash('sha256')
  #count = 0

  async *over<S extends ResourceState>(states: AsyncIterable<S>): AsyncGenerator<S, void, void> {
    for await (const state of states) {
      if (state.digest !== undefined) this.#count++
      this.#hash.update(`${state.path}\0${state.digest ?? 'folder'}\0${state.size ?? ''}\n`)
      yield state
    }
  }

  /** How many resources with content have come by. */
  get count(): number {
    return this.#count
  }

  /** Of all that has come by so far. */
  digest(): string {
    return `sha256-${this.#hash.copy().digest('hex')}`
  }
}

/** Lists all, only to seal it. */
export async function sealOf(states: AsyncIterable<ResourceState>): Promise<string> {
  const seal = new Seal()
  for await (const _ of seal.over(states));
  return seal.digest()
}
