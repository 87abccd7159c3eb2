import assert from 'node:assert/strict'
import type { Batch, Store } from '../../src/state/store.ts'

/** Where a store keeps what it has: it is there again when the store is closed and opened anew. */
export interface Place {
  open(): Promise<Store>
  remove(): Promise<void>
}

/** What each test of the suite has: one store for all of them, and keys of its own in it. */
export class Given {
  readonly makePlace: () => Promise<Place>
  #place: Place | undefined
  #store: Store | undefined
  #prefixes = 0

  constructor(makePlace: () => Promise<Place>) {
    this.makePlace = makePlace
  }

  get store(): Store {
    assert.ok(this.#store !== undefined, 'the store is not open')
    return this.#store
  }

  async open(): Promise<void> {
    this.#place = await this.makePlace()
    this.#store = await this.#place.open()
  }

  async close(): Promise<void> {
    await this.#store?.close()
    await this.#place?.remove()
  }

  prefix(): string {
    return `t${String(++this.#prefixes).padStart(4, '0')}/`
  }

  async succeed(batch: Batch): Promise<readonly string[]> {
    const committed = await this.store.commit(batch)
    assert.ok(committed.ok, `the check of ${committed.ok ? '' : committed.failed} failed`)
    return committed.appended
  }

  put(key: string, value: unknown): Promise<readonly string[]> {
    return this.succeed({ writes: [{ put: key, value }] })
  }

  readonly valueOf = async (key: string): Promise<unknown> => (await this.store.get(key))?.value
}
