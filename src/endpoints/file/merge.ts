/** What a file holds and what a package says of it, side by side in path order. */
import { printJson } from '../../documents/json.ts'
import type { Schema } from '../../documents/schema.ts'
import { parseJson } from '../../documents/json.ts'
import type { Value } from '../../documents/value.ts'
import { errorView, ReplicationError } from '../../errors.ts'
import type { PackageChange } from '../../packages/read.ts'
import { Regions } from '../../packages/regions.ts'
import { comparePaths, isWithin, type ResourcePath } from '../../resources/path.ts'
import type { Resource } from '../../resources/resource.ts'
import { documentAt, refuseStray } from '../documents/admit.ts'
import type { ResourceResult, TargetDelivery } from '../endpoint.ts'

/** Each document that will be in the file, in order. */
export interface Sink {
  write(value: Value): void
  /** Told of each that the package speaks of, and of each that goes. */
  result(result: ResourceResult): void
}

export interface MergeOptions {
  readonly schema: Schema
  /** In path order, each with all below it. */
  readonly surplus: readonly ResourcePath[]
  readonly onFailure: TargetDelivery['onFailure']
}

interface Held {
  readonly path: ResourcePath
  readonly bytes: Uint8Array
}

/** Answers what was applied. Throws `invalid` for what the file cannot hold, unless told to go on. */
export async function merge(
  existing: AsyncIterable<Resource>,
  changes: AsyncIterable<PackageChange>,
  sink: Sink,
  options: MergeOptions,
): Promise<{ entries: number; bytes: number; failures: readonly ReplicationError[] }> {
  const merger = new Merger(sink, options)
  const held = documentsAmong(existing)
  try {
    let next = await held.next()
    for await (const change of changes) {
      const { path } = change.entry
      while (next.done !== true && comparePaths(next.value.path, path) < 0) {
        merger.keep(next.value)
        next = await held.next()
      }
      const there = next.done !== true && next.value.path === path ? next.value : undefined
      if (there !== undefined) next = await held.next()
      await merger.change(change, there)
    }
    for (; next.done !== true; next = await held.next()) merger.keep(next.value)
  } finally {
    await held.return()
  }
  return merger
}

async function* documentsAmong(resources: AsyncIterable<Resource>): AsyncGenerator<Held, void, void> {
  for await (const { path, content } of resources)
    if (content !== undefined) yield { path, bytes: content() as Uint8Array }
}

class Merger {
  entries = 0
  bytes = 0
  readonly failures: ReplicationError[] = []
  readonly #sink: Sink
  readonly #options: MergeOptions
  readonly #surplus: Regions
  #deleted: ResourcePath | undefined

  constructor(sink: Sink, options: MergeOptions) {
    this.#sink = sink
    this.#options = options
    this.#surplus = new Regions(options.surplus)
  }

  /** What the package does not name itself. */
  keep({ path, bytes }: Held): void {
    const isGone = this.#deleted !== undefined && isWithin(path, this.#deleted)
    if (isGone || this.#surplus.hold(path)) this.#sink.result({ path, outcome: 'deleted' })
    else this.#sink.write(parseJson(textOf(bytes)))
  }

  async change(change: PackageChange, there: Held | undefined): Promise<void> {
    const { path } = change.entry
    this.entries++
    switch (change.kind) {
      case 'delete':
        if (change.entry.deep) this.#deleted = path
        if (there !== undefined) this.#sink.result({ path, outcome: 'deleted' })
        return
      case 'folder':
        return this.#orFail(path, there, () => refuseStray(change.entry))
      case 'put':
        this.bytes += change.entry.size
        return this.#orFail(path, there, async () => this.#put(change, there))
    }
  }

  async #put({ entry, content }: Extract<PackageChange, { kind: 'put' }>, there: Held | undefined): Promise<void> {
    const { path } = entry
    const value = await documentAt(path, content, this.#options.schema, false)
    this.#sink.write(value)
    const isSame = there !== undefined && `${printJson(value)}\n` === textOf(there.bytes)
    this.#sink.result({ path, outcome: there === undefined ? 'created' : isSame ? 'unchanged' : 'updated' })
  }

  async #orFail(path: ResourcePath, there: Held | undefined, act: () => Promise<void> | void): Promise<void> {
    try {
      await act()
    } catch (error) {
      if (!(error instanceof ReplicationError) || error.code !== 'invalid') throw error
      this.#sink.result({ path, outcome: 'failed', error: errorView(error) })
      if (this.#options.onFailure !== 'go-on') throw error
      this.failures.push(error)
      if (there !== undefined) this.keep(there)
    }
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()
}
