import type { PackageReader, ReadOptions } from '../../src/packages/read.ts'
import type { DeltaChange } from '../../src/packages/reader.ts'

/** Reads all of it, and says what there was. */
export async function drain(pkg: PackageReader, options?: ReadOptions): Promise<string[]> {
  const seen: string[] = []
  const batches: AsyncIterable<DeltaChange[]> = pkg.delta ? pkg.deltaBatches(options) : pkg.batches(options)
  for await (const batch of batches)
    for (const change of batch) {
      let size = change.kind === 'held' ? ` ${change.entry.size}` : ''
      if (change.kind === 'put') {
        let bytes = 0
        if (Buffer.isBuffer(change.content)) bytes = change.content.length
        else for await (const chunk of change.content) bytes += (chunk as Buffer).length
        size = ` ${bytes}`
      }
      seen.push(`${change.kind} ${change.entry.path}${size}`)
    }
  return seen
}
