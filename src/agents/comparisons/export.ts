import { createHash, hash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { BaseRow } from '../../compare/base.ts'
import { mergedContent, needsMerge, type Merged } from '../../compare/merged-content.ts'
import { mayBeDocument } from '../../compare/content.ts'
import type { RowWriter } from '../../compare/row-files.ts'
import { rulesFor, type Rules } from '../../compare/rules.ts'
import { bytesOf, packageSide, type Side } from '../../compare/sides.ts'
import { ReplicationError } from '../../errors.ts'
import type { ManifestHeader, PackageOrigin, PackageSummary } from '../../packages/manifest.ts'
import { openPackage } from '../../packages/read.ts'
import { comparePaths, segmentsOf, type ResourcePath } from '../../resources/path.ts'
import type { Change, Content, Resource } from '../../resources/resource.ts'
import { packageOf } from '../packages.ts'
import type { Command } from '../commands/records.ts'
import type { Parts } from '../parts.ts'
import type { Agent } from '../roster.ts'
import type { Made } from '../work/exports.ts'
import { inParts, partLimits } from '../work/split.ts'
import { applicationOf, comparisonOf, moved, sealOfSource } from './apply.ts'
import { openBase, type BaseView } from './base-store.ts'
import { hintOf, sidesOf } from './compare.ts'
import { Ordered } from '../../compare/ordered.ts'
import { emptiedBy, plannedRows, type PlannedRow } from './plan.ts'
import { applicationKey, type Application, type Comparison, type ResultRow } from './records.ts'

/** What is to be merged is held whole. */
const maxDocumentBytes = 8 * 1024 * 1024
const maxBaseBytes = 256 * 1024

/**
 * Makes the package of what was chosen of a comparison, and with it what the base becomes and what it was. Throws `conflict` when the
 * source, or what is merged of the target, is no longer what was compared.
 */
export async function writeApplication(
  parts: Parts,
  agent: Agent,
  command: Command,
  { header, origin }: { readonly header: ManifestHeader; readonly origin: PackageOrigin },
  signal: AbortSignal,
): Promise<Made> {
  const application = await applicationOf(parts, command.id)
  const comparison = await comparisonOf(parts, application.comparison)
  const from = await sourceOf(parts, agent, comparison, signal)
  const base = await openBase(parts, agent, comparison.target)
  const [rebase, rebaseBack, results] = await Promise.all([
    parts.rowFiles.begin(),
    parts.rowFiles.begin(),
    parts.rowFiles.begin(),
  ])
  try {
    const { target } = sidesOf(agent, comparison.target)
    const writing = {
      ...{ parts, agent, source: from.side, target, base, rebase, results, application, signal },
      reverts: comparison.reverts,
    }
    const made: PackageSummary[] = []
    for await (const part of inParts(await changesOf(writing), partLimits))
      made.push(await parts.packages.write(header, part, origin, signal))
    for (const folders of await foldersThatGo(parts, application))
      made.push(await parts.packages.write(header, deletions(folders), origin, signal))
    for await (const row of before(parts, application, base)) await rebaseBack.add(row)
    if (comparison.reverts !== undefined)
      for await (const row of backTo(parts, application, comparison.reverts)) await rebase.add(row)
    await parts.store.commit({
      writes: [
        {
          put: applicationKey(command.id),
          value: {
            ...application,
            rebase: await rebase.end(),
            rebaseBack: await rebaseBack.end(),
            results: await results.end(),
          } satisfies Application,
        },
      ],
    })
    const [only] = made
    if (only !== undefined && made.length === 1) return { whole: only, parts: made }
    const lines = made.map(({ id, entries, bytes }) => ({ type: 'part' as const, package: id, entries, bytes }))
    return { whole: await parts.packages.writeIndex(header, lines, origin, signal), parts: made }
  } finally {
    await Promise.all([rebase.close(), rebaseBack.close(), results.close(), base.close(), from.close()])
  }
}

/** The agent's source as it was compared, or what the command has replaced that is to be undone. Throws `conflict`. */
async function sourceOf(
  parts: Parts,
  agent: Agent,
  comparison: Comparison,
  signal: AbortSignal,
): Promise<{ side: Side; close: () => Promise<void> }> {
  if (comparison.reverts !== undefined) {
    const { undo } = await applicationOf(parts, comparison.reverts)
    if (undo === undefined)
      throw new ReplicationError('missing', `what ${comparison.reverts} replaced is no longer kept`)
    const pkg = await openPackage(await parts.packages.file((await packageOf(parts, undo)).id))
    return { side: packageSide(pkg), close: () => pkg.close() }
  }
  if ((await sealOfSource(agent, comparison, signal)) !== comparison.sourceDigest) throw moved('source')
  return { side: sidesOf(agent, comparison.target).source, close: async () => undefined }
}

interface Writing {
  readonly parts: Parts
  readonly agent: Agent
  readonly source: Side
  readonly target: Side
  readonly base: BaseView
  readonly rebase: RowWriter
  readonly results: RowWriter
  readonly application: Application
  readonly reverts: string | undefined
  readonly signal: AbortSignal
}

function plannedIn(parts: Parts, { plan }: Application): AsyncGenerator<PlannedRow> {
  return plannedRows(parts, plan)
}

/** Folders are taken away behind all else, the innermost first: those at the same depth together. */
async function foldersThatGo(parts: Parts, application: Application): Promise<ResourcePath[][]> {
  const byDepth: ResourcePath[][] = []
  const add = (path: ResourcePath): void => void (byDepth[segmentsOf(path).length] ??= []).push(path)
  for await (const { path, write, target } of plannedIn(parts, application))
    if (write === 'delete' && target?.folder === true) add(path)
  for await (const path of emptiedBy(parts, application.plan)) add(path)
  return byDepth
    .filter((paths) => paths !== undefined)
    .map((paths) => paths.toSorted(comparePaths))
    .toReversed()
}

async function* deletions(paths: readonly ResourcePath[]): AsyncGenerator<Change> {
  for (const path of paths) yield { kind: 'delete', path, deep: false }
}

async function changesOf(writing: Writing): Promise<AsyncGenerator<Change>> {
  const { parts, agent, source, target, base, application, signal } = writing
  const rules = rulesFor(agent.config)
  const { hint } = hintOf(agent)
  const [fromSource, fromTarget]: [ResourcePath[], ResourcePath[]] = [[], []]
  for await (const row of plannedIn(parts, application)) {
    if (row.source !== undefined) fromSource.push(row.path)
    if (row.source?.digest !== undefined && row.target?.digest !== undefined && needsMerge(row, rules, hint))
      fromTarget.push(row.path)
  }
  async function* changes(): AsyncGenerator<Change> {
    const ours = new Ordered(source.pick(fromSource, signal), ({ path }: Resource) => path)
    const theirs = new Ordered(target.pick(fromTarget, signal), ({ path }: Resource) => path)
    const common = new Ordered(base.rows(), ({ path }: BaseRow) => path)
    try {
      for await (const row of plannedIn(parts, application)) {
        signal.throwIfAborted()
        const resource = row.source && (await ours.at(row.path))
        if (row.source !== undefined && resource === undefined) throw moved('source')
        const merge = row.target?.digest !== undefined && needsMerge(row, rules, hint)
        const other = merge ? await theirs.at(row.path) : undefined
        if (merge && other === undefined) throw moved('target')
        const change = await changeOf(writing, rules, row, { resource, other, at: await common.at(row.path) })
        if (change !== undefined) yield change
      }
    } finally {
      await Promise.all([ours.close(), theirs.close(), common.close()])
    }
  }
  return changes()
}

interface Found {
  readonly resource: Resource | undefined
  readonly other: Resource | undefined
  readonly at: BaseRow | undefined
}

/** What is written of one row; what the base becomes is told on the way. */
async function changeOf(
  writing: Writing,
  rules: Rules,
  row: PlannedRow,
  { resource, other, at }: Found,
): Promise<Change | undefined> {
  const { path, write, source } = row
  const { rebase, results } = writing
  const rebased = async (known: Omit<BaseRow, 'path'>): Promise<void> => {
    // What is undone takes back the base that it had.
    if (writing.reverts === undefined) await rebase.add({ path, ...known } satisfies BaseRow)
  }
  const told = async (after: string | undefined, preserved?: Merged['preserved']): Promise<void> => {
    if (write !== 'nothing') await results.add(resultOf(row, after, preserved))
  }
  if (write === 'delete' || source === undefined) {
    await rebased({})
    await told(undefined)
    return write === 'delete' && row.target?.folder !== true ? { kind: 'delete', path, deep: false } : undefined
  }
  if (resource?.content === undefined) {
    await rebased({ folder: true })
    await told(undefined)
    return write === 'nothing' ? undefined : { kind: 'put', resource: { path } }
  }
  const merge = needsMerge(row, rules, hintOf(writing.agent).hint)
  if (merge && write !== 'nothing') {
    const merged = await mergeOf(writing, rules, row, { resource, other, at })
    if (merged !== undefined) {
      await rebased(merged.base === undefined ? { unknown: true } : baseOf(merged.base))
      await told(hash('sha256', merged.bytes), merged.preserved)
      return { kind: 'put', resource: { path, content: () => merged.bytes } }
    }
  }
  const bytes = write === 'nothing' || isSmallDocument(row) ? await bytesOf(resource, maxDocumentBytes) : undefined
  if (bytes !== undefined && hash('sha256', bytes) !== source.digest) throw moved('source')
  await rebased(bytes === undefined || bytes.length > maxBaseBytes ? { ...source } : baseOf(bytes))
  if (write === 'nothing') return undefined
  await told(source.digest)
  const content = bytes === undefined ? verified(resource.content, source.digest ?? '') : (): Uint8Array => bytes
  return { kind: 'put', resource: { path, content } }
}

function resultOf(
  { path, state, write, target }: PlannedRow,
  after: string | undefined,
  preserved: Merged['preserved'],
): ResultRow {
  const outcome = write === 'delete' ? 'deleted' : state === 'added' ? 'created' : 'overwritten'
  return {
    ...{ path, outcome },
    ...(target?.digest !== undefined && { before: target.digest }),
    ...(after !== undefined && { after }),
    ...(preserved !== undefined && { preserved }),
  }
}

async function mergeOf(
  { base, agent }: Writing,
  rules: Rules,
  row: PlannedRow,
  { resource, other, at }: Found,
): Promise<Merged | undefined> {
  const ours = resource && (await bytesOf(resource, maxDocumentBytes))
  if (ours === undefined || hash('sha256', ours) !== row.source?.digest) throw moved('source')
  const theirs = other && (await bytesOf(other, maxDocumentBytes))
  if (theirs !== undefined && hash('sha256', theirs) !== row.target?.digest) throw moved('target')
  const common = at && (await base.content(at))
  return mergedContent(row, { source: ours, target: theirs, base: common }, rules, hintOf(agent).hint)
}

function baseOf(bytes: Uint8Array): Omit<BaseRow, 'path'> {
  const text = Buffer.from(bytes).toString('utf8')
  const isText = bytes.length <= maxBaseBytes && Buffer.from(text).equals(bytes)
  return { digest: hash('sha256', bytes), size: bytes.length, ...(isText && { document: text }) }
}

function isSmallDocument({ path, format, source }: PlannedRow): boolean {
  return (source?.size ?? Infinity) <= maxBaseBytes && (format !== undefined || mayBeDocument(path))
}

/** The same content, which fails when it is not what was compared. */
function verified(content: Content, digest: string): Content {
  return () => {
    const bytes = content()
    if (bytes instanceof Uint8Array) {
      if (hash('sha256', bytes) !== digest) throw moved('source')
      return bytes
    }
    return Readable.from(checked(bytes, digest), { objectMode: false })
  }
}

async function* checked(stream: Readable, digest: string): AsyncGenerator<Uint8Array> {
  const sha = createHash('sha256')
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    sha.update(chunk)
    yield chunk
  }
  if (sha.digest('hex') !== digest) throw moved('source')
}

/** What the base was, at all that is applied, before the command that is undone. */
async function* backTo(parts: Parts, application: Application, command: string): AsyncGenerator<BaseRow> {
  const { rebaseBack } = await applicationOf(parts, command)
  if (rebaseBack === undefined) return
  const rows = new Ordered(rowsOf(parts, rebaseBack), ({ path }: BaseRow) => path)
  try {
    for await (const { path } of plannedIn(parts, application)) {
      const row = await rows.at(path)
      if (row !== undefined) yield row
    }
  } finally {
    await rows.close()
  }
}

async function* rowsOf({ rowFiles }: Parts, id: string): AsyncGenerator<BaseRow> {
  for await (const { row } of rowFiles.read<BaseRow>(id)) yield row
}

/** What is known now of the base at all that is applied. */
async function* before(parts: Parts, application: Application, base: BaseView): AsyncGenerator<BaseRow> {
  const rows = new Ordered(base.rows(), ({ path }: BaseRow) => path)
  try {
    for await (const { path } of plannedIn(parts, application)) {
      const row = await rows.at(path)
      yield row ?? { path, ...(!base.covers(path) && { unknown: true as const }) }
    }
  } finally {
    await rows.close()
  }
}
