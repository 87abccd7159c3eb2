import { createHash, hash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { BaseRow } from '../../compare/ancestor.ts'
import { mayBeDocument } from '../../compare/content.ts'
import { maxDocumentBytes, mergedContent, needsMerge, type Merged } from '../../compare/merged-content.ts'
import { Ordered } from '../../compare/ordered.ts'
import type { RowWriter } from '../../compare/row-files.ts'
import { rulesFor, type Rules } from '../../compare/rules.ts'
import { bytesOf, type Side } from '../../compare/sides.ts'
import type { ResourcePath } from '../../resources/path.ts'
import type { Change, Content, Resource } from '../../resources/resource.ts'
import type { Parts } from '../parts.ts'
import type { Agent } from '../roster.ts'
import { moved } from './apply.ts'
import type { BaseView } from './ancestors.ts'
import { hintOf } from './compare.ts'
import { maxBaseBytes } from './package-contents.ts'
import { plannedRows, type PlannedRow } from './plan.ts'
import type { Application, ResultRow } from './records.ts'

/** All that is needed to write a plan. */
export interface Writing {
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

/** What is written of each planned row, in path order; what the base becomes, and what comes of each, is told on the way. */
export async function changesOf(writing: Writing): Promise<AsyncGenerator<Change>> {
  const { parts, agent, source, target, base, application, signal } = writing
  const rules = rulesFor(agent.config)
  const { hint } = hintOf(agent)
  const [fromSource, fromTarget]: [ResourcePath[], ResourcePath[]] = [[], []]
  for await (const row of plannedRows(parts, application.plan)) {
    if (isRead(row)) fromSource.push(row.path)
    if (row.source?.digest !== undefined && row.target?.digest !== undefined && isMerged(row, rules, hint))
      fromTarget.push(row.path)
  }
  async function* changes(): AsyncGenerator<Change> {
    const ours = new Ordered(source.pick(fromSource, signal), ({ path }: Resource) => path)
    const theirs = new Ordered(target.pick(fromTarget, signal), ({ path }: Resource) => path)
    const common = new Ordered(base.rows(), ({ path }: BaseRow) => path)
    try {
      for await (const row of plannedRows(parts, application.plan)) {
        signal.throwIfAborted()
        const resource = isRead(row) ? await ours.at(row.path) : undefined
        if (isRead(row) && resource === undefined) throw moved('source')
        const merge = row.target?.digest !== undefined && isMerged(row, rules, hint)
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
  if (source.folder === true) {
    await rebased({ folder: true })
    await told(undefined)
    return write === 'nothing' ? undefined : { kind: 'put', resource: { path } }
  }
  // It is known by its digest, which the seal has seen to.
  if (!isRead(row)) {
    await rebased({ ...source })
    return undefined
  }
  if (resource?.content === undefined) throw moved('source')
  const merge = isMerged(row, rules, hintOf(writing.agent).hint)
  if (merge && write !== 'nothing') {
    const merged = await mergeOf(writing, rules, row, { resource, other, at })
    if (merged !== undefined) {
      await rebased(mergedBase(merged))
      await told(hash('sha256', merged.bytes), merged.preserved)
      return { kind: 'put', resource: { path, content: () => merged.bytes } }
    }
  }
  const bytes = isSmallDocument(row) ? await bytesOf(resource, maxDocumentBytes) : undefined
  if (bytes !== undefined && hash('sha256', bytes) !== source.digest) throw moved('source')
  await rebased(bytes === undefined || bytes.length > maxBaseBytes ? { ...source } : baseOf(bytes))
  if (write === 'nothing') return undefined
  await told(source.digest)
  const content =
    bytes === undefined ? verified(resource.content, source.digest, () => moved('source')) : (): Uint8Array => bytes
  return { kind: 'put', resource: { path, content } }
}

function isMerged(row: PlannedRow, rules: Rules, hint: 'openapi-path' | undefined): boolean {
  const size = Math.max(row.source?.size ?? 0, row.target?.size ?? 0)
  return needsMerge({ ...row, size }, rules, hint)
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

function mergedBase({ base }: Merged): Omit<BaseRow, 'path'> {
  if (base === undefined) return { unknown: true }
  return base.bytes === undefined ? {} : baseOf(base.bytes)
}

function baseOf(bytes: Uint8Array): Omit<BaseRow, 'path'> {
  const text = Buffer.from(bytes).toString('utf8')
  const isText = bytes.length <= maxBaseBytes && Buffer.from(text).equals(bytes)
  return { digest: hash('sha256', bytes), size: bytes.length, ...(isText && { document: text }) }
}

/** Whether the source's content is needed: to be written, or because the base keeps it. */
function isRead(row: PlannedRow): boolean {
  return row.source !== undefined && (row.write !== 'nothing' || isSmallDocument(row))
}

function isSmallDocument({ path, format, source }: PlannedRow): boolean {
  return (source?.size ?? Infinity) <= maxBaseBytes && (format !== undefined || mayBeDocument(path))
}

/** The same content, which fails when it is not what was compared. */
export function verified(content: Content, digest: string | undefined, fault: () => Error): Content {
  return () => {
    const bytes = content()
    if (bytes instanceof Uint8Array) {
      if (hash('sha256', bytes) !== digest) throw fault()
      return bytes
    }
    return Readable.from(checked(bytes, digest, fault), { objectMode: false })
  }
}

async function* checked(stream: Readable, digest: string | undefined, fault: () => Error): AsyncGenerator<Uint8Array> {
  const sha = createHash('sha256')
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    sha.update(chunk)
    yield chunk
  }
  if (sha.digest('hex') !== digest) throw fault()
}
