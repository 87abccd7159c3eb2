import { createHash, type Hash } from 'node:crypto'
import { lineOf, type Block } from '../resources/listing.ts'
import type { ResourcePath } from '../resources/path.ts'
import type { ResourceState } from '../resources/resource.ts'
import type { Rules } from './rules.ts'
import { unignored, type Side } from './sides.ts'

/** The digest of a listing: of the path, digest and size of all that comes by, in its order, as lines (resources/listing.ts). */
export class Seal {
  readonly #hash: Hash = createHash('sha256')
  #count = 0

  async *over<S extends ResourceState>(states: AsyncIterable<S>): AsyncGenerator<S, void, void> {
    for await (const state of states) {
      if (state.digest !== undefined) this.#count++
      this.#hash.update(lineOf(state))
      yield state
    }
  }

  /** The same of a listing as bytes. */
  async *overBlocks(blocks: AsyncIterable<Block>): AsyncGenerator<Block, void, void> {
    for await (const block of blocks) {
      this.#count += block.resources
      this.#hash.update(block.bytes)
      yield block
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

interface Sealed {
  readonly paths: readonly ResourcePath[]
  readonly rules: Rules
  readonly signal: AbortSignal
}

/** Lists all that is compared, only to seal it. */
export async function sealOf(side: Side, { paths, rules, signal }: Sealed): Promise<string> {
  const seal = new Seal()
  if (side.listBlocks === undefined || rules.ignoresSome)
    for await (const _ of seal.over(unignored(side.list(paths, signal), rules)));
  else for await (const _ of seal.overBlocks(side.listBlocks(paths, signal)));
  return seal.digest()
}
