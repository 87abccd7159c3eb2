import { contentOf } from '../../compare/content.ts'
import { maxDocumentBytes } from '../../compare/merged-content.ts'
import { Ordered } from '../../compare/ordered.ts'
import { partsOf } from '../../compare/parts.ts'
import { rulesFor } from '../../compare/rules.ts'
import { bytesOf, type Held, type Side } from '../../compare/sides.ts'
import type { PackageId } from '../../packages/manifest.ts'
import type { ResourcePath } from '../../resources/path.ts'
import type { Parts } from '../parts.ts'
import type { Agent } from '../roster.ts'
import { moved, targetOfComparison } from './apply.ts'
import { hintOf, sidesOf } from './compare.ts'
import { PackageContents } from './package-contents.ts'
import { plannedRows, type PlannedRow } from './plan.ts'
import type { Application, Comparison, ResultRow } from './records.ts'

/**
 * Before another try: an earlier one may have written some of what is planned, so that each planned resource must be as it was
 * compared, or as it is planned to be. Throws `conflict` for good where it is neither: somebody has changed it in between, and would
 * lose that. `packages` are those of the application, in their order.
 */
export async function checkHalfApplied(
  parts: Parts,
  agent: Agent,
  comparison: Comparison,
  application: Application,
  packages: readonly PackageId[],
  signal: AbortSignal,
): Promise<void> {
  const { target } = sidesOf(agent, comparison.target)
  const side = await targetOfComparison(parts, agent, comparison)
  const held = new Ordered(side.list(comparison.paths, signal), ({ path }: Held) => path)
  const results = new Ordered(resultsOf(parts, application), ({ path }: ResultRow) => path)
  const contents = new PackageContents(parts)
  try {
    for await (const row of plannedRows(parts, application.plan)) {
      signal.throwIfAborted()
      if (row.write === 'nothing') continue
      const [is, result] = [await held.at(row.path), await results.at(row.path)]
      if (isAsCompared(row, is) || isAsPlanned(row, is, result)) continue
      if (is?.digest === undefined || result?.after === undefined) throw moved('target', { final: true })
      const planned = await plannedAt(contents, packages, row.path)
      if (planned === undefined || !(await meansTheSame(agent, target, planned, row.path, signal)))
        throw moved('target', { final: true })
    }
  } finally {
    await Promise.all([held.close(), results.close(), contents.close()])
  }
}

async function* resultsOf({ rowFiles }: Parts, { results }: Application): AsyncGenerator<ResultRow> {
  if (results !== undefined) for await (const { row } of rowFiles.read<ResultRow>(results)) yield row
}

function isAsCompared({ target }: PlannedRow, is: Held | undefined): boolean {
  if (target === undefined || is === undefined) return target === undefined && is === undefined
  return target.folder === true ? is.digest === undefined : is.digest === target.digest
}

function isAsPlanned({ write }: PlannedRow, is: Held | undefined, result: ResultRow | undefined): boolean {
  if (write === 'delete' || is === undefined) return write === 'delete' && is === undefined
  return is.digest === result?.after
}

async function plannedAt(
  contents: PackageContents,
  packages: readonly PackageId[],
  path: ResourcePath,
): Promise<Uint8Array | undefined> {
  for (const id of packages) {
    const found = await contents.of({ path, package: id })
    if (found !== undefined) return found
  }
  return undefined
}

/** Some targets write documents in their own way. */
async function meansTheSame(
  agent: Agent,
  target: Side,
  planned: Uint8Array,
  path: ResourcePath,
  signal: AbortSignal,
): Promise<boolean> {
  const { hint } = hintOf(agent)
  const wanted = contentOf(path, planned, hint)
  if (!('value' in wanted)) return false
  for await (const resource of target.pick([path], signal)) {
    const bytes = await bytesOf(resource, maxDocumentBytes)
    const found = bytes && contentOf(path, bytes, hint)
    if (found === undefined || !('value' in found) || found.format !== wanted.format) return false
    const sides = { source: wanted.value, target: found.value, base: undefined }
    return partsOf(sides, wanted.format, rulesFor(agent.config).forPath(path), false).equal
  }
  return false
}
