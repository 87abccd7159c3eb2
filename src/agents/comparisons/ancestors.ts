import type { BaseRow } from '../../compare/ancestor.ts'
import { Ordered } from '../../compare/ordered.ts'
import type { HeldRows } from '../../compare/row-files.ts'
import { ReplicationError } from '../../errors.ts'
import { comparePaths, isWithin, parentPath, type ResourcePath } from '../../resources/path.ts'
import { below, type Write } from '../../state/store.ts'
import type { Parts } from '../parts.ts'
import type { Agent } from '../roster.ts'
import { changesIn, rowsAfter, unlessLost, type Gathered } from './brought.ts'
import { maxBaseBytes, PackageContents } from './package-contents.ts'
import { baseKey, baseLog, type BaseChange, type BaseRecord } from './records.ts'

type Kept = Pick<Parts, 'store' | 'packages' | 'rowFiles' | 'log'>

const page = 500

/** The write that remembers what a delivery has brought; it belongs into the batch of the receipt. */
export function baseWrite(agent: Agent, target: string, change: Omit<BaseChange, 'pair'>): Write {
  const entry: BaseChange = { pair: agent.pairOf(target), ...change }
  return { append: baseLog(agent.name, target), value: entry }
}

/** What source and target of a pair last had in common, as it is now. */
export interface BaseView {
  /** In path order. */
  rows(): AsyncIterable<BaseRow>
  /** Whether it is known that nothing was at a path that has no row. */
  covers(path: ResourcePath): boolean
  readonly isEmpty: boolean
  /** The content of a row, where it is still kept. */
  content(row: BaseRow): Promise<Uint8Array | undefined>
  close(): Promise<void>
}

/** Brings the base up to date and opens it. From then on the contents of documents are kept with it, if it is to be merged with. */
export async function openBase(
  kept: Kept,
  agent: Agent,
  target: string,
  { keepDocuments = true }: { readonly keepDocuments?: boolean } = {},
): Promise<BaseView> {
  const { record, held } = await holdBase(kept, agent, target, keepDocuments)
  const contents = new PackageContents(kept)
  return {
    async *rows() {
      if (held !== undefined) for await (const { row } of held.rows<BaseRow>()) yield row
    },
    covers: (path) => record.covers.some((root) => isWithin(path, root)),
    isEmpty: record.rows === undefined && record.covers.length === 0,
    content: async (row) => (row.document === undefined ? contents.of(row) : Buffer.from(row.document)),
    close: async () => {
      await Promise.all([contents.close(), held?.close()])
    },
  }
}

/**
 * What is known now of one path, without writing anything down where little has happened: a row of its own, or of what is above it
 * and is a content, or has gone. Undefined: nobody knows; `covers` says whether that means that nothing is there.
 */
export async function baseAt(
  kept: Kept,
  agent: Agent,
  target: string,
  path: ResourcePath,
): Promise<{ readonly row: BaseRow | undefined; readonly covers: boolean }> {
  for (;;) {
    const found = await kept.store.get<BaseRecord>(baseKey(agent.name, target))
    const pair = agent.pairOf(target)
    const was = found?.value.pair === pair && (await isThere(kept, found.value)) ? found.value : { pair, covers: [] }
    const log = await kept.store.range<BaseChange>({ ...below(`${baseLog(agent.name, target)}/`), limit: page })
    const { changes, large, covers, taken } = await changesIn(kept, was, log)
    if (log.length === page || taken.length < log.length || large !== undefined) {
      await foldBase(kept, agent, target)
      continue
    }
    try {
      const row = changes.at(path) ?? (was.rows === undefined ? undefined : await rowAt(kept, was.rows, path))
      return { row, covers: covers.some((root) => isWithin(path, root)) }
    } catch (error) {
      // Somebody has written it down anew meanwhile.
      if (!(error instanceof ReplicationError) || error.code !== 'missing') throw error
    }
  }
}

async function rowAt({ rowFiles }: Kept, rows: string, path: ResourcePath): Promise<BaseRow | undefined> {
  const held = await rowFiles.hold(rows)
  try {
    for (let at: ResourcePath | undefined = path; at !== undefined; at = parentPath(at)) {
      const wanted = at
      const row = await held.find<BaseRow>((one) => comparePaths(one.path, wanted))
      if (row === undefined || (at !== path && row.folder === true)) continue
      return row
    }
    return undefined
  } finally {
    await held.close()
  }
}

/** What is known now of the base at these paths, which come in order. */
export async function* knownAt(
  base: Pick<BaseView, 'rows' | 'covers'>,
  places: AsyncIterable<{ readonly path: ResourcePath }>,
): AsyncGenerator<BaseRow, void, void> {
  const rows = new Ordered(base.rows(), ({ path }: BaseRow) => path)
  try {
    for await (const { path } of places)
      yield (await rows.at(path)) ?? { path, ...(!base.covers(path) && { unknown: true as const }) }
  } finally {
    await rows.close()
  }
}

/** Somebody else may write it down anew at any moment, and removes what it was. */
async function holdBase(
  kept: Kept,
  agent: Agent,
  target: string,
  keepDocuments: boolean,
): Promise<{ readonly record: BaseRecord; readonly held: HeldRows | undefined }> {
  for (;;) {
    const record = await foldBase(kept, agent, target, keepDocuments ? { keepDocuments } : {})
    if (record.rows === undefined) return { record, held: undefined }
    try {
      return { record, held: await kept.rowFiles.hold(record.rows) }
    } catch (error) {
      if (!(error instanceof ReplicationError) || error.code !== 'missing') throw error
    }
  }
}

/** Writes down what has happened to a base since it was last written down. */
export async function foldBase(
  kept: Kept,
  agent: Agent,
  target: string,
  { keepDocuments }: { readonly keepDocuments?: true } = {},
): Promise<BaseRecord> {
  const key = baseKey(agent.name, target)
  const pair = agent.pairOf(target)
  for (;;) {
    const found = await kept.store.get<BaseRecord>(key)
    const was = found?.value.pair === pair && (await isThere(kept, found.value)) ? found.value : { pair, covers: [] }
    const log = await kept.store.range<BaseChange>({ ...below(`${baseLog(agent.name, target)}/`), limit: page })
    const wanted = keepDocuments ?? was.keepsDocuments
    if (log.length === 0 && found?.value === was && was.keepsDocuments === wanted) return was
    const gathered = await changesIn(kept, was, log)
    const { changes, large, taken } = gathered
    const isComplete =
      changes.size === 0 && large === undefined && (was.keepsDocuments === wanted || was.rows === undefined)
    let [rows, covers] = [was.rows, isComplete ? gathered.covers : was.covers]
    if (!isComplete)
      await unlessLost(async () => {
        rows = await write(kept, was, gathered, wanted)
        covers = gathered.covers
      })
    const newest = taken.findLast(({ value }) => value.pair === pair)?.value ?? was.newest
    const is: BaseRecord = {
      ...{ pair, covers },
      ...(newest !== undefined && { newest }),
      ...(rows !== undefined && { rows }),
      ...(wanted !== undefined && { keepsDocuments: wanted }),
    }
    const { ok } = await kept.store.commit({
      checks: [{ key, version: found?.version ?? null }],
      writes: [{ put: key, value: is }, ...taken.map((one) => ({ delete: one.key }))],
    })
    const [stays, obsolete] = ok ? [rows, found?.value.rows] : [was.rows, rows]
    if (obsolete !== undefined && obsolete !== stays) await kept.rowFiles.remove(obsolete)
    if (ok && taken.length === log.length && log.length < page) return is
  }
}

/** A state that was brought here without its files knows nothing of what was in common: all is unbased then. */
async function isThere({ rowFiles, log }: Kept, { rows }: BaseRecord): Promise<boolean> {
  if (rows === undefined || (await rowFiles.has(rows))) return true
  log.warn({ rows }, 'base lost')
  return false
}

async function write(
  kept: Kept,
  { rows: before }: BaseRecord,
  { changes, large }: Gathered,
  keepsDocuments: true | undefined,
): Promise<string> {
  const contents = new PackageContents(kept)
  const written = (rows: AsyncIterable<BaseRow>): Promise<string> =>
    kept.rowFiles.write(withDocuments(rows, contents, keepsDocuments === true))
  try {
    if (large === undefined) return await written(changes.over(rowsOf(kept, before)))
    const { delivered, by } = large
    return await written(rowsAfter(kept, delivered, rowsOf(kept, before), by)).catch((error: unknown) => {
      if (!(error instanceof ReplicationError) || error.code !== 'invalid' || delivered.header.mode === 'mirror')
        throw error
      return partByPart(kept, before, large, written)
    })
  } finally {
    await contents.close()
  }
}

/** Where parts are not in path order the base is written as often as there are parts. */
async function partByPart(
  kept: Kept,
  before: string | undefined,
  { delivered, by }: NonNullable<Gathered['large']>,
  written: (rows: AsyncIterable<BaseRow>) => Promise<string>,
): Promise<string> {
  let last = before
  for (const part of delivered.parts) {
    const next = await written(rowsAfter(kept, { ...delivered, parts: [part] }, rowsOf(kept, last), by))
    if (last !== undefined && last !== before) await kept.rowFiles.remove(last)
    last = next
  }
  return last as string
}

async function* rowsOf({ rowFiles }: Kept, rows: string | undefined): AsyncGenerator<BaseRow> {
  if (rows !== undefined) for await (const { row } of rowFiles.read<BaseRow>(rows)) yield row
}

async function* withDocuments(
  rows: AsyncIterable<BaseRow>,
  contents: PackageContents,
  keeps: boolean,
): AsyncGenerator<BaseRow> {
  for await (const row of rows) {
    const { document, package: from, size = 0 } = row
    if (!keeps || document !== undefined || from === undefined || size > maxBaseBytes) {
      yield row
      continue
    }
    const text = textOf(await contents.of(row))
    yield text === undefined ? row : { ...row, document: text }
  }
}

/** Only what may be a document: it begins like one, or is at least text. */
function textOf(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined || bytes.includes(0)) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
