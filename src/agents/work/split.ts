import { Readable } from 'node:stream'
import type { PackageSummary } from '../../packages/manifest.ts'
import { PartCount, type PartLimits, type Tally } from '../../packages/part-limits.ts'
import type { Change, Content } from '../../resources/resource.ts'

/**
 * A retry repeats one part, what is kept in memory of a package is in proportion to its entries, and a part is delivered while the next is
 * made. Each costs its target and us some 0.1 s more, so smaller ones would take longer than they save.
 */
export const partLimits: PartLimits = { maxEntries: 10_000, maxBytes: 256 * 1024 * 1024 }

/** What an export has made: one package, or several and their index. */
export interface Made {
  readonly whole: PackageSummary
  readonly parts: readonly PackageSummary[]
  /** Where only what differs is sent: how much that is. */
  readonly delta?: { readonly files: number; readonly bytes: number } | undefined
}

/** The changes of one part. */
export interface TreePart extends AsyncIterable<Change> {
  /** Whether another one follows: known once this one has been read to its end. */
  readonly more: () => boolean
}

/**
 * The changes in parts, at least one. Each part must be read to its end, contents included, before the next is asked for; a part
 * ends with the entry that fills it. `tally` is told how much has been read of all.
 */
export async function* inParts(
  changes: AsyncIterable<Change>,
  limits: PartLimits,
  tally?: Tally,
): AsyncGenerator<TreePart, void, void> {
  const source = changes[Symbol.asyncIterator]()
  let next = await source.next()
  const all = { entries: 0, bytes: 0 }
  async function* part(): AsyncGenerator<Change, void, void> {
    const count = new PartCount(limits)
    const add = (more: number): void => {
      count.bytes += more
      tally?.(all.entries, (all.bytes += more))
    }
    while (next.done !== true && !count.full) {
      count.add(isFolder(next.value) ? 'folder' : 'content')
      tally?.(++all.entries, all.bytes)
      yield counted(next.value, add)
      next = await source.next()
    }
  }
  try {
    const more = (): boolean => next.done !== true
    do yield Object.assign(part(), { more })
    while (more())
  } finally {
    await source.return?.()
  }
}

function isFolder(change: Change): boolean {
  return change.kind === 'put' && change.resource.content === undefined
}

function counted(change: Change, add: (bytes: number) => void): Change {
  if (change.kind !== 'put' || change.resource.content === undefined) return change
  const { path, content } = change.resource
  return { kind: 'put', resource: { path, content: countedContent(content, add) } }
}

function countedContent(content: Content, add: (bytes: number) => void): Content {
  return () => {
    const bytes = content()
    if (bytes instanceof Uint8Array) {
      add(bytes.length)
      return bytes
    }
    return Readable.from(countedStream(bytes, add), { objectMode: false })
  }
}

async function* countedStream(stream: Readable, add: (bytes: number) => void): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    add(chunk.length)
    yield chunk
  }
}
