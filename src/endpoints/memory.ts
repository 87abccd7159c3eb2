/** The kind `memory`: a tree in memory, for tests and demonstrations. It lasts as long as the process. */
import { hash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { Static } from 'typebox'
import { ReplicationError } from '../errors.ts'
import type { ManifestEntry, ManifestHeader } from '../packages/manifest.ts'
import { openPackage } from '../packages/read.ts'
import { quote, type ResourcePath } from '../resources/path.ts'
import type { Content, Resource, ResourceState } from '../resources/resource.ts'
import { Type } from '../resources/type.ts'
import { refuseUnholdable } from './content-or-children.ts'
import type { EndpointKind, ReadOptions, Receipt, Source, Target, TargetDelivery, TestStep } from './endpoint.ts'
import { hasMemoryTree, memoryTree, type MemoryTree } from './memory/tree.ts'
import { hasSurplus, regionsOf, surplusOf } from './mirror.ts'

const options = Type.Object(
  {
    name: Type.String({
      minLength: 1,
      maxLength: 64,
      description: 'Endpoints that name the same tree share it. It is empty at first, and gone when the server ends.',
    }),
  },
  { additionalProperties: false },
)

export type MemoryOptions = Static<typeof options>

export const memory: EndpointKind<MemoryOptions> = {
  name: 'memory',
  title: 'A tree in memory',
  options,
  source: ({ name }) => new MemorySource(name),
  target: ({ name }) => new MemoryTarget(name),
  place: async ({ name }) => ['memory', name],
}

/** What is larger is given as a stream, as every kind does it. */
const smallBytes = 64 * 1024
const keptReceipts = 1000

class MemorySource implements Source {
  readonly #name: string

  constructor(name: string) {
    this.#name = name
  }

  async *read(path: ResourcePath, { deep, includes, signal }: ReadOptions): AsyncGenerator<Resource> {
    signal.throwIfAborted()
    // Asking for a tree must not make it.
    const found = hasMemoryTree(this.#name) ? memoryTree(this.#name).walk(path, deep) : [][Symbol.iterator]()
    let nothing = true
    for (const { path: at, content } of found) {
      nothing = false
      if (includes?.(at) === false) continue
      yield content === undefined ? { path: at } : { path: at, content: contentOf(content) }
      signal.throwIfAborted()
    }
    if (nothing) throw new ReplicationError('missing', `nothing is at ${quote(path)}`)
  }

  list(path: ResourcePath, signal: AbortSignal): AsyncGenerator<ResourceState> {
    return listTree(this.#name, path, signal)
  }
}

class MemoryTarget implements Target {
  readonly remembers = keptReceipts
  readonly holdings: Source
  readonly #name: string

  constructor(name: string) {
    this.#name = name
    this.holdings = new MemorySource(name)
  }

  async apply(delivery: TargetDelivery, signal: AbortSignal): Promise<Receipt> {
    signal.throwIfAborted()
    const tree = memoryTree(this.#name)
    const lane = tree.lane(delivery.lane)
    if (delivery.epoch < lane.epoch) throw overtaken()
    lane.epoch = delivery.epoch
    const known = lane.receipts.get(delivery.id)
    if (known !== undefined) return known
    const pkg = await openPackage(delivery.package)
    try {
      const { paths } = delivery
      const changes: Loaded[] = []
      let bytes = 0
      for await (const change of pkg.changes({ ...(paths !== undefined && { paths }), signal })) {
        refuseUnholdable(change.entry, changes.at(-1)?.entry)
        const content = change.kind === 'put' ? await bytesOf(change.content) : undefined
        changes.push({ entry: change.entry, ...(content !== undefined && { content }) })
        bytes += content?.length ?? 0
      }
      const surplus = await surplusIn(tree, pkg.header, changes, delivery)
      signal.throwIfAborted()
      if (lane.epoch !== delivery.epoch) throw overtaken()
      // From here on nothing waits, so nobody sees a half of it.
      for (const change of changes) applyTo(tree, change)
      for (const path of surplus) tree.remove(path, true)
      const receipt: Receipt = {
        ...{ delivery: delivery.id, package: pkg.id, entries: changes.length, bytes },
        appliedAt: new Date().toISOString(),
      }
      lane.receipts.set(delivery.id, receipt)
      for (const [oldest] of lane.receipts) {
        if (lane.receipts.size <= keptReceipts) break
        lane.receipts.delete(oldest)
      }
      delivery.progress?.(changes.length, bytes)
      return receipt
    } finally {
      await pkg.close()
    }
  }

  async *test(signal: AbortSignal): AsyncGenerator<TestStep> {
    signal.throwIfAborted()
    yield { step: 'tree', ok: true, durationMs: 0 }
  }

  list(path: ResourcePath, signal: AbortSignal): AsyncGenerator<ResourceState> {
    return listTree(this.#name, path, signal)
  }
}

async function* listTree(name: string, path: ResourcePath, signal: AbortSignal): AsyncGenerator<ResourceState> {
  signal.throwIfAborted()
  if (!hasMemoryTree(name)) return
  for (const { path: at, content } of memoryTree(name).walk(path, true)) {
    yield content === undefined ? { path: at } : { path: at, digest: hash('sha256', content), size: content.length }
    signal.throwIfAborted()
  }
}

/** An entry with its bytes. */
interface Loaded {
  readonly entry: ManifestEntry
  readonly content?: Buffer
}

async function bytesOf(content: Buffer | Readable): Promise<Buffer> {
  return Buffer.isBuffer(content) ? content : Buffer.concat((await content.toArray()) as Buffer[])
}

async function surplusIn(
  tree: MemoryTree,
  header: ManifestHeader,
  changes: readonly Loaded[],
  { paths, deletes }: TargetDelivery,
): Promise<readonly ResourcePath[]> {
  if (!hasSurplus(header)) return []
  const held = regionsOf(header, paths).flatMap((region) => [...tree.walk(region, true)].map(({ path }) => path))
  const listed = changes.flatMap(({ entry }) => (entry.type === 'delete' ? [] : [entry.path]))
  return surplusOf(held, listed, header, deletes)
}

function applyTo(tree: MemoryTree, { entry, content }: Loaded): void {
  if (entry.type === 'delete') tree.remove(entry.path, entry.deep)
  else if (content === undefined) tree.putFolder(entry.path)
  else tree.put(entry.path, content)
}

function contentOf(bytes: Uint8Array): Content {
  return () => (bytes.length <= smallBytes ? bytes : Readable.from(slices(bytes), { objectMode: false }))
}

function* slices(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += smallBytes) yield bytes.subarray(at, at + smallBytes)
}

function overtaken(): ReplicationError {
  return new ReplicationError('conflict', 'a newer worker has taken over this lane; this one leaves the target to it')
}
