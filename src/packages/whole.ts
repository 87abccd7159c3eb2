import { ReplicationError } from '../errors.ts'
import { comparePaths, quote, type ResourcePath } from '../resources/path.ts'
import { LoopShare } from '../threads/loop-share.ts'
import { parseEntry } from './manifest-lines.ts'
import type { ManifestEntry, PackageFile, PackageId } from './manifest.ts'
import { linesIn } from './manifest-text.ts'
import { openManifest } from './manifest-only.ts'

const batchEntries = 200

/** Some entries of a tree, and the package that has them. */
export interface EntriesOf {
  readonly package: PackageId
  /** It may list what it does not carry. */
  readonly delta: boolean
  readonly entries: readonly ManifestEntry[]
}

/**
 * What a tree in several packages lists, a batch at a time, in path order; one package is open at a time. Throws `invalid` when a
 * part lists what belongs before the end of another: what the tree lacks cannot be told then.
 */
export async function* entriesOfAll(parts: readonly PackageFile[]): AsyncGenerator<EntriesOf, void, void> {
  let last: ResourcePath | undefined
  for (const file of parts) {
    const manifest = await openManifest(file)
    try {
      let isFirst = true
      for await (const entries of batchesIn(manifest.chunks)) {
        const [first] = entries
        if (isFirst && last !== undefined && first !== undefined && comparePaths(last, first.path) >= 0)
          throw new ReplicationError(
            'invalid',
            `the package ${file.id} lists ${quote(first.path)}, and the one before it ${quote(last)}: parts are not in path order`,
          )
        isFirst &&= first === undefined
        last = entries.at(-1)?.path ?? last
        yield { package: file.id, delta: manifest.delta, entries }
      }
    } finally {
      await manifest.close()
    }
  }
}

async function* batchesIn(
  chunks: AsyncIterable<Buffer> | Iterable<Buffer>,
): AsyncGenerator<ManifestEntry[], void, void> {
  const share = new LoopShare()
  let line = 1
  for await (const chunk of chunks) {
    let batch: ManifestEntry[] = []
    for (const [begin, feed] of linesIn(chunk)) {
      batch.push(parseEntry(chunk.toString('utf8', begin, feed), `line ${++line}`))
      if (batch.length < batchEntries && feed + 1 < chunk.length) continue
      yield batch
      batch = []
      await share.giveWay()
    }
  }
}
