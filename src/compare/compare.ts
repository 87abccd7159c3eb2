import { printJson } from '../documents/json.ts'
import { isFields, isNumber, type Value } from '../documents/value.ts'
import { byteDifferences, type Difference, type SameLines } from '../resources/byte-differences.ts'
import { isWithin, type ResourcePath } from '../resources/path.ts'
import { statesOf } from '../resources/listing.ts'
import type { ResourceState } from '../resources/resource.ts'
import { inTurn } from './in-turn.ts'
import { breakingIn, pathIsGone } from './breaking.ts'
import type { BaseRow } from './ancestor.ts'
import { classOf, selectedByDefault, type Base, type Class } from './classes.ts'
import { sameRows, type SameRows } from './compared-rows.ts'
import { contentOf, formatOf, mayBeDocument, type StructuredFormat } from './content.ts'
import { differences } from './differences.ts'
import { maxDocumentBytes } from './merged-content.ts'
import { Ordered } from './ordered.ts'
import { partsOf, type Part } from './parts.ts'
import type { ChangedPart, ComparedRow, State } from './row.ts'
import type { Rules } from './rules.ts'
import type { Seal } from './seal.ts'
import { bytesOf, unignored, type Held, type Side } from './sides.ts'

/** What is needed of the base: see BaseView of whoever keeps it. */
export interface BaseRows {
  rows(): AsyncIterable<BaseRow>
  covers(path: ResourcePath): boolean
  /** Nothing is known. */
  readonly isEmpty?: boolean
  content(row: BaseRow): Promise<Uint8Array | undefined>
}

export interface Compared {
  readonly source: Side
  readonly target: Side
  readonly base: BaseRows
  readonly paths: readonly ResourcePath[]
  readonly rules: Rules
  readonly hint?: 'openapi-path'
  /** For an undoing: all is ticked that nobody has changed since. */
  readonly allSelected?: boolean
  /** They see all that is compared. */
  readonly seals: { readonly source: Seal; readonly target: Seal }
  readonly signal: AbortSignal
}

/** Values that are longer are not shown in a row; the sides have them. */
const maxShown = 2000
/** So many contents are waited for at the same time. */
const together = 16

/**
 * How source and target differ, a row for each resource of either, in path order; folders only where one side lacks them. Many at
 * once where both sides have them and no base is known.
 */
export async function* compared(given: Compared): AsyncGenerator<ComparedRow | SameRows, void, void> {
  const { base, signal } = given
  const known = new Ordered(base.rows(), ({ path }: BaseRow) => path)
  const placed = async function* (): AsyncGenerator<Placed | SameRows> {
    for await (const found of foundIn(given)) {
      signal.throwIfAborted()
      if (!('same' in found)) {
        if (isRow(found)) yield await withCommon(given, found, await known.at(found.path))
      } else if (base.isEmpty === true) {
        const rows = sameRows(found.same)
        if (rows !== undefined) yield rows
      } else
        for (const held of statesOf(found.same)) {
          const difference = { state: 'same', path: held.path, source: held, target: held } as const
          if (isRow(difference)) yield { difference, at: await known.at(difference.path) }
        }
    }
  }
  try {
    yield* withImplied(inTurn(placed(), together, (one) => ('lines' in one ? one : rowOf(given, one))))
  } finally {
    await known.close()
  }
}

interface Placed {
  readonly difference: Difference<Held>
  readonly at: BaseRow | undefined
  /** The content of that, where it may have to be looked at. */
  readonly common?: Uint8Array | undefined
}

/** Before many are compared at the same time: what is kept in packages is to be read in path order. */
async function withCommon(given: Compared, difference: Difference<Held>, at: BaseRow | undefined): Promise<Placed> {
  const { state, source, target } = difference
  const isOfNeither = at?.digest !== undefined && at.digest !== source?.digest && at.digest !== target?.digest
  if (state !== 'changed' || !isOfNeither || !mayHaveParts(given, difference)) return { difference, at }
  return { difference, at, common: await given.base.content(at) }
}

function isKnownAt({ base }: Compared, path: ResourcePath, at: BaseRow | undefined): boolean {
  return at === undefined ? base.covers(path) : at.unknown !== true
}

function mayHaveParts({ hint }: Compared, { path, source, target }: Difference<Held>): boolean {
  if (source?.digest === undefined || target?.digest === undefined) return false
  const isSmall = (source.size ?? 0) <= maxDocumentBytes && (target.size ?? 0) <= maxDocumentBytes
  return isSmall && (hint !== undefined || source.bytes !== undefined || mayBeDocument(path))
}

function foundIn(given: Compared): AsyncIterable<Difference<Held> | SameLines> {
  const { source, target, paths, rules, seals, signal } = given
  if (source.listBlocks !== undefined && target.listBlocks !== undefined && !rules.ignoresSome)
    return byteDifferences(
      seals.source.overBlocks(source.listBlocks(paths, signal)),
      seals.target.overBlocks(target.listBlocks(paths, signal)),
    )
  const wanted = (side: Side, seal: Seal): AsyncIterable<Held> => seal.over(unignored(side.list(paths, signal), rules))
  return differences(wanted(source, seals.source), wanted(target, seals.target))
}

/** A folder that only one side has is something by itself where it holds nothing that is compared. */
async function* withImplied<R extends ComparedRow | SameRows>(
  rows: AsyncIterable<R>,
): AsyncGenerator<R | ComparedRow, void, void> {
  let folder: ComparedRow | undefined
  for await (const row of rows) {
    const next = 'lines' in row ? row.first : row.path
    if (folder !== undefined) yield isWithin(next, folder.path) ? { ...folder, implied: true } : folder
    folder = undefined
    if ('lines' in row) {
      yield row
      continue
    }
    folder = row.state !== 'existing' && (row.source ?? row.target)?.folder === true ? row : undefined
    if (folder === undefined) yield row
  }
  if (folder !== undefined) yield folder
}

/** The root is none, nor is a folder on both sides. */
function isRow({ path, source, target }: Difference<Held>): boolean {
  const isFolderOnBoth = source !== undefined && target !== undefined && (source.digest ?? target.digest) === undefined
  return path !== '/' && !isFolderOnBoth
}

function rowOf(given: Compared, placed: Placed): ComparedRow | Promise<ComparedRow> {
  const { difference, at } = placed
  const { path, source, target } = difference
  const state = target === undefined ? 'added' : source === undefined ? 'deleted' : 'existing'
  const isKnown = isKnownAt(given, path, at)
  const base: Base = isKnown ? { known: true, ...digestOf(at) } : { known: false }
  const cls = classOf(base, signOf(source), signOf(target))
  const row = (more: { class: Class } & Partial<ComparedRow>): ComparedRow => ({
    ...{ path, state, ...more },
    selected: given.allSelected === true ? more.class !== 'conflict' : selectedByDefault(state, more.class),
    ...(source !== undefined && { source: stateOf(source) }),
    ...(target !== undefined && { target: stateOf(target) }),
    ...(isKnown && { base: at === undefined ? null : baseState(at) }),
  })
  if (target !== undefined && source === undefined && given.hint !== undefined)
    return isPath(given, target).then((is) => row({ class: cls, ...(is && { breaking: [pathIsGone] }) }))
  if (state !== 'existing') return row({ class: cls })
  if (difference.state === 'same') return row({ class: cls, changed: false })
  return below(given, placed, cls).then(row)
}

/** Looks below a resource that both sides have with different bytes. */
async function below(
  given: Compared,
  { difference, at, common: kept }: Placed,
  cls: Class,
): Promise<{ class: Class } & Partial<ComparedRow>> {
  const asBytes = { class: cls, changed: true }
  const { path, source, target } = difference
  if (source === undefined || target === undefined || !mayHaveParts(given, difference)) return asBytes
  const [ours, theirs] = await Promise.all([bytesAt(given.source, source, given), bytesAt(given.target, target, given)])
  if (ours === undefined || theirs === undefined) return asBytes
  const [left, right] = [contentOf(path, ours, given.hint), contentOf(path, theirs, given.hint)]
  const { format } = left
  if (!('value' in left) || !('value' in right) || left.format !== right.format) return { ...asBytes, format }
  const values = { left: left.value, right: right.value, format: left.format }
  const common = at && baseValue(given, at, kept, { source, target, ...values })
  // That there was nothing is known too; what was there may not be kept any more.
  const wasNothing = at?.digest === undefined && isKnownAt(given, path, at)
  const isBased = wasNothing || common !== undefined
  const sides = { source: left.value, target: right.value, base: common }
  const rules = given.rules.forPath(path)
  const found = partsOf(sides, left.format, rules, isBased)
  if (found.equal) return { class: found.class, changed: false, format }
  const { parts, others } = await breakingIn(sides, left.format, rules, found.parts, given.signal)
  const changes = found.parts.map((one): ChangedPart => {
    const breaking = parts.get(one.part)
    return { ...shown(one), ...(breaking !== undefined && { breaking }) }
  })
  return {
    // Where the common state is no longer kept as a whole, its digest still tells who has changed it.
    class: isBased || at === undefined ? found.class : cls,
    ...{ changed: true, format, changes, ...(others.length > 0 && { breaking: others }) },
  }
}

/** Whether it is a path of an OpenAPI document, which somebody may call. */
async function isPath(given: Compared, held: Held): Promise<boolean> {
  if (held.digest === undefined || (held.size ?? 0) > maxDocumentBytes) return false
  const bytes = await bytesAt(given.target, held, given)
  return bytes !== undefined && formatOf(held.path, bytes, given.hint) === 'openapi-path'
}

function baseValue(
  { hint }: Compared,
  at: BaseRow,
  bytes: Uint8Array | undefined,
  known: { source: ResourceState; left: Value; target: ResourceState; right: Value; format: StructuredFormat },
): Value | undefined {
  if (at.digest === undefined) return undefined
  if (at.digest === known.source.digest) return known.left
  if (at.digest === known.target.digest) return known.right
  const found = bytes && contentOf(at.path, bytes, hint)
  return found !== undefined && 'value' in found && found.format === known.format ? found.value : undefined
}

async function bytesAt(side: Side, held: Held, { signal }: Compared): Promise<Uint8Array | undefined> {
  if (held.bytes !== undefined) return held.bytes
  for await (const resource of side.pick([held.path], signal)) return bytesOf(resource, maxDocumentBytes)
  return undefined
}

function shown({ part, class: cls, source, target, base }: Part): ChangedPart {
  const brief = (name: string, value: Value | undefined): object =>
    value === undefined || printJson(value).length > maxShown ? {} : { [name]: plain(value) }
  return { part, class: cls, ...brief('source', source), ...brief('target', target), ...brief('base', base) }
}

/** Numbers that JavaScript would round are texts: it is for people to look at. */
function plain(value: Value): unknown {
  if (isNumber(value)) return String(Number(value.value)) === value.value ? Number(value.value) : value.value
  if (Array.isArray(value)) return value.map(plain)
  if (!isFields(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]))
}

function signOf(held: ResourceState | undefined): string | undefined {
  return held && (held.digest ?? 'folder')
}

function digestOf(row: BaseRow | undefined): { digest?: string } {
  const digest = row?.digest ?? (row?.folder === true ? 'folder' : undefined)
  return digest === undefined ? {} : { digest }
}

function stateOf({ digest, size }: ResourceState): State {
  return digest === undefined ? { folder: true } : { digest, ...(size !== undefined && { size }) }
}

function baseState({ digest, size, folder }: BaseRow): State | null {
  if (digest === undefined) return folder === true ? { folder } : null
  return { digest, ...(size !== undefined && { size }) }
}
