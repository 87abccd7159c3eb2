/** What has happened to a base since it was written down: the packages that were delivered, by its log. */
import { BaseChanges, takePackage, type BaseRow } from '../../compare/ancestor.ts'
import { overlaid } from '../../compare/overlay.ts'
import { hasSurplus, regionsOf } from '../../endpoints/mirror.ts'
import { ReplicationError } from '../../errors.ts'
import type { ManifestHeader, PackageFile, PackageId } from '../../packages/manifest.ts'
import { openPackage } from '../../packages/read.ts'
import { entriesOfAll } from '../../packages/whole.ts'
import { isWithin, outermost, type ResourcePath } from '../../resources/path.ts'
import type { Entry } from '../../state/store.ts'
import type { Parts } from '../parts.ts'
import type { BaseChange, BaseRecord } from './records.ts'

type Kept = Pick<Parts, 'packages' | 'rowFiles'>

/** So many changes are held while a base is written down anew; a package that lists more is written down by itself, as it is read. */
export const held = { most: 10_000 }

/** A package that was delivered: itself, or the parts of the index that it is. */
export interface Delivered {
  readonly header: Pick<ManifestHeader, 'mode' | 'action' | 'roots'>
  readonly parts: readonly PackageId[]
  readonly entries: number
}

export async function deliveredAs({ packages }: Pick<Parts, 'packages'>, id: PackageId): Promise<Delivered> {
  const { parts = [id], entries, ...header } = await packages.describe(id)
  return { header, parts, entries }
}

/** The rows with what a package that was delivered has changed, holding neither; only within the paths, if it was applied there alone. */
export async function* rowsAfter(
  { packages }: Pick<Parts, 'packages'>,
  { header, parts }: Delivered,
  rows: AsyncIterable<BaseRow>,
  { paths, command }: Pick<BaseChange, 'paths' | 'command'>,
): AsyncGenerator<BaseRow, void, void> {
  const files: PackageFile[] = []
  for (const id of parts) files.push(await packages.file(id))
  yield* overlaid(rows, { entries: entriesOfAll(files), cleared: clearedBy(header, paths), within: paths, command })
}

/** What holds nothing after a mirror but what that has brought. */
function clearedBy(header: Delivered['header'], paths: readonly ResourcePath[] | undefined): ResourcePath[] {
  return hasSurplus(header) ? regionsOf(header, paths) : []
}

export interface Gathered {
  readonly changes: BaseChanges
  /** Instead of changes: the one package of the only entry that is taken. */
  readonly large?: { readonly delivered: Delivered; readonly by: BaseChange }
  readonly covers: readonly ResourcePath[]
  /** What of the log that is: its first entries. */
  readonly taken: readonly Entry<BaseChange>[]
}

/** What has happened to the base, as much as is held at a time. */
export async function changesIn(kept: Kept, was: BaseRecord, log: readonly Entry<BaseChange>[]): Promise<Gathered> {
  const changes = new BaseChanges()
  let { covers } = was
  const taken: Entry<BaseChange>[] = []
  for (const entry of log) {
    const { pair, rows, package: id, paths, deep, command, covers: more = [] } = entry.value
    let large: Delivered | undefined
    // What was brought by others says nothing of these.
    if (pair === was.pair) {
      await unlessLost(async () => {
        if (rows !== undefined)
          for await (const { row } of kept.rowFiles.read<BaseRow>(rows))
            changes.put({ ...row, ...(row.unknown === undefined && { command }) })
        covers = outermost([...covers, ...more])
      })
      if (id !== undefined)
        await unlessLost(async () => {
          const delivered = await deliveredAs(kept, id as PackageId)
          if (delivered.entries <= held.most) await changesBy(kept, delivered, entry.value, changes)
          else large = delivered
          const { roots } = delivered.header
          const asked = paths?.filter((path) => roots.some((root) => isWithin(path, root))) ?? roots
          if (deep === true && (large === undefined || taken.length === 0)) covers = outermost([...covers, ...asked])
        })
    }
    if (large !== undefined && taken.length > 0) break
    taken.push(entry)
    if (large !== undefined) return { changes, covers, taken, large: { delivered: large, by: entry.value } }
    if (changes.size >= held.most) break
  }
  return { changes, covers, taken }
}

/** The same as `rowsAfter`, held. */
export async function changesBy(
  { packages }: Pick<Parts, 'packages'>,
  { header, parts }: Delivered,
  { paths, command }: Pick<BaseChange, 'paths' | 'command'>,
  changes = new BaseChanges(),
): Promise<BaseChanges> {
  for (const root of clearedBy(header, paths)) changes.clear(root, { command })
  for (const part of parts) {
    const pkg = await openPackage(await packages.file(part))
    try {
      await takePackage(changes, pkg, paths, { command })
    } finally {
      await pkg.close()
    }
  }
  return changes
}

/** What somebody has deleted or damaged meanwhile says nothing any more: what it brought is then found to differ. */
export async function unlessLost(take: () => Promise<void>): Promise<void> {
  try {
    await take()
  } catch (error) {
    if (!(error instanceof ReplicationError) || !['missing', 'corrupt', 'invalid'].includes(error.code)) throw error
  }
}
