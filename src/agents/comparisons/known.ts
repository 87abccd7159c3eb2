import type { BaseRow } from '../../compare/ancestor.ts'
import { ReplicationError } from '../../errors.ts'
import type { PackageFile, PackageId } from '../../packages/manifest.ts'
import { entryLine } from '../../packages/manifest-lines.ts'
import { openManifest } from '../../packages/manifest-only.ts'
import { linesIn } from '../../packages/manifest-text.ts'
import { placedEntry } from '../../packages/placed-lines.ts'
import { Regions } from '../../packages/regions.ts'
import type { Lines } from '../../resources/byte-differences.ts'
import { isWithin, outermost, type ResourcePath } from '../../resources/path.ts'
import { below } from '../../state/store.ts'
import { packageKey, type PackageRecord } from '../commands/records.ts'
import type { Parts } from '../parts.ts'
import type { Agent } from '../roster.ts'
import { baseKey, baseLog, type BaseChange, type BaseRecord } from './records.ts'

type Kept = Pick<Parts, 'store' | 'packages' | 'rowFiles'>

/** What a target's receipts say that it holds. Nothing is proved by it: the target itself must see that it is so. */
export interface Known {
  /** Equal for targets of which the same is known. */
  readonly name: string
  /** The target holds all that these list; empty where that cannot be said. */
  readonly packages: ReadonlySet<PackageId>
  /** About how many entries must be gone through. */
  readonly entries: number
  /**
   * As lines of manifests, in path order; folders may not be among them. Of packages that are `done` when their turn comes nothing. Throws a
   * transient error where somebody has removed it meanwhile.
   */
  lines(done: ReadonlySet<PackageId>): AsyncGenerator<Lines, void, void>
  /** Where one receipt says all of it. */
  readonly whole?: KnownWhole
}

/** One command has brought all that is known of. */
export interface KnownWhole {
  readonly command: string
  /** What lists it. Throws a transient error where somebody has removed that meanwhile. */
  files(): Promise<readonly PackageFile[]>
  /** Of all these together (PackageSummary). Throws the same. */
  listing(): Promise<string>
}

/** More receipts than these, since all was last written down, are not gone through. */
const maxChanges = 200

/**
 * What is known of a target at and below the roots; undefined when nothing is, or not of all of it. The newest receipt for a package of
 * these very roots says it, or else what all receipts together have brought; save where something newer has changed it, of which nothing is
 * said. Nothing is read of either before it is asked for, and nothing is written down.
 */
export async function knownOf(
  kept: Kept,
  agent: Agent,
  target: string,
  roots: readonly ResourcePath[],
): Promise<Known | undefined> {
  const pair = agent.pairOf(target)
  const [log, found] = await Promise.all([
    kept.store.range<BaseChange>({
      ...below(`${baseLog(agent.name, target)}/`),
      ...{ reverse: true, limit: maxChanges },
    }),
    kept.store.get<BaseRecord>(baseKey(agent.name, target)),
  ])
  const record = found?.value.pair === pair ? found.value : undefined
  const changes = log.map(({ value }) => value)
  const touched: ResourcePath[] = []
  for (const change of [...changes, ...(record?.newest === undefined ? [] : [record.newest])]) {
    // What was brought by others says nothing of these.
    if (change.pair !== pair) continue
    if (change.doubted === true) return undefined
    const pkg = await packageIn(kept, change)
    if (pkg !== undefined && change.deep === true && change.paths === undefined && (await isWhole(kept, pkg, roots)))
      return inPackage(kept, pkg, touched, change.command)
    // It is in the rows that were written down.
    if (change === record?.newest) break
    if (pkg === undefined) return undefined
    touched.push(...(change.paths ?? pkg.roots))
  }
  const isCovered = (root: ResourcePath): boolean => record?.covers.some((one) => isWithin(root, one)) === true
  if (log.length === maxChanges || record?.rows === undefined || !roots.every(isCovered)) return undefined
  return inRows(kept, record.rows, roots, touched)
}

async function packageIn({ store }: Kept, { package: id }: BaseChange): Promise<PackageRecord | undefined> {
  return id === undefined ? undefined : (await store.get<PackageRecord>(packageKey(id as PackageId)))?.value
}

/** Whether it lists all of what is asked for, and is still here. */
async function isWhole(
  { packages }: Kept,
  { id, action, roots: its, parts = [id] }: PackageRecord,
  roots: readonly ResourcePath[],
): Promise<boolean> {
  if (action !== 'add' || its.length !== roots.length || its.some((path, i) => path !== roots[i])) return false
  for (const part of parts) if (!(await packages.has(part))) return false
  return true
}

function inPackage(
  { packages }: Kept,
  { id, parts = [id], entries }: PackageRecord,
  touched: readonly ResourcePath[],
  command: string,
): Known {
  async function* lines(done: ReadonlySet<PackageId>): AsyncGenerator<Lines, void, void> {
    for (const part of parts) {
      if (done.has(part)) continue
      const manifest = await openManifest(await packages.file(part).catch(goneMeanwhile))
      try {
        for await (const bytes of manifest.chunks) yield { bytes }
      } finally {
        await manifest.close()
      }
    }
  }
  const isAll = touched.length === 0
  return {
    ...{ name: `${id} without ${touched.join('\0')}`, packages: new Set(isAll ? parts : []), entries },
    lines: (done) => without(touched, lines(done)),
    ...(isAll && { whole: wholeOf(packages, parts, command) }),
  }
}

function wholeOf(packages: Kept['packages'], parts: readonly PackageId[], command: string): KnownWhole {
  const files = (): Promise<PackageFile[]> => Promise.all(parts.map((part) => packages.file(part).catch(goneMeanwhile)))
  return {
    command,
    files,
    listing: () => packages.listings.of(parts).catch(goneMeanwhile),
  }
}

/** What a row takes, about. */
const rowBytes = 200
const batchRows = 1000

async function inRows(
  { rowFiles }: Kept,
  rows: string,
  roots: readonly ResourcePath[],
  touched: readonly ResourcePath[],
): Promise<Known | undefined> {
  const bytes = await rowFiles.size(rows)
  if (bytes === undefined) return undefined
  async function* lines(): AsyncGenerator<Lines, void, void> {
    const held = await rowFiles.hold(rows).catch(goneMeanwhile)
    const wanted = new Regions(roots)
    try {
      let some: string[] = []
      for await (const { row } of held.rows<BaseRow>()) {
        const { path, digest, size, unknown } = row
        if (digest === undefined || size === undefined || unknown === true || !wanted.hold(path)) continue
        some.push(`${entryLine({ type: 'file', path, digest, size })}\n`)
        if (some.length < batchRows) continue
        yield { bytes: Buffer.from(some.join('')) }
        some = []
      }
      yield { bytes: Buffer.from(some.join('')) }
    } finally {
      await held.close()
    }
  }
  return {
    ...{ name: `${rows} without ${touched.join('\0')}`, packages: new Set(), entries: bytes / rowBytes },
    lines: () => without(touched, lines()),
  }
}

async function* without(
  touched: readonly ResourcePath[],
  lines: AsyncIterable<Lines>,
): AsyncGenerator<Lines, void, void> {
  const regions = touched.length === 0 ? undefined : new Regions(outermost(touched))
  for await (const some of lines) yield regions === undefined ? some : { bytes: outside(regions, some) }
}

function outside(regions: Regions, { bytes }: Lines): Buffer {
  const kept: Uint8Array[] = []
  for (const [begin, feed] of linesIn(bytes))
    if (!regions.hold(placedEntry(bytes, begin).path)) kept.push(bytes.subarray(begin, feed + 1))
  return Buffer.concat(kept)
}

/** It was there when it was looked for. */
function goneMeanwhile(error: unknown): never {
  if (!(error instanceof ReplicationError) || error.code !== 'missing') throw error
  const message = 'what was known of a target was removed meanwhile; it is to be exported again'
  throw new ReplicationError('unavailable', message, { cause: error })
}
