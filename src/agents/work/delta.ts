import { Readable } from 'node:stream'
import { carriesAll, type PackageOrigin, type PackageSummary } from '../../packages/manifest.ts'
import { linesIn, type ManifestText } from '../../packages/manifest-text.ts'
import type { Listed } from '../../packages/pieces.ts'
import { placedEntry } from '../../packages/placed-lines.ts'
import { isFolderLine } from '../../resources/listing.ts'
import type { ResourcePath } from '../../resources/path.ts'
import type { Change, Resource } from '../../resources/resource.ts'
import { Ordered } from '../../compare/ordered.ts'
import { headOf } from '../../queues/lanes.ts'
import { sidesOf } from '../comparisons/compare.ts'
import { knownOf, type Known } from '../comparisons/known.ts'
import type { Progress } from '../commands/advance.ts'
import type { Parts } from '../parts.ts'
import type { Agent } from '../roster.ts'
import { deliveryId } from './begin.ts'
import { listedParts, type ListedPart, type ListedSource, type Listing } from './listed-parts.ts'
import { NeededSearch, type Needed } from './needed.ts'

/** How much is sent, of all that there is. */
export interface Carries {
  files: number
  bytes: number
}

/** Makes the package of a part of a tree. */
export interface MakePart {
  (): Promise<PackageSummary>
  /** Every target is known to have got it before, as it is. */
  readonly isKnown?: boolean
}

/** Whether only what differs may be sent: every target takes that, and nothing is made of it on its way. */
export function mayBeDelta(agent: Agent, { command, entry: { targets } }: Progress): boolean {
  const { kind, action, deep, full, application } = command
  return (
    kind === 'replicate' &&
    action === 'add' &&
    deep &&
    full !== true &&
    application === undefined &&
    agent.config.preserve.length === 0 &&
    targets.length > 0 &&
    targets.every((target) => agent.targets.includes(target) && agent.target(target).takesDeltas === true)
  )
}

/** Most trees are small, and are sent as they are. */
const smallEntries = 64
const smallBytes = 1024 * 1024

/** The changes, if they are but few: then nobody need ask what their targets hold. Undefined: there are more, which nobody has read. */
export async function fewOf(changes: AsyncGenerator<Change, void, void>): Promise<AsyncIterable<Change> | undefined> {
  const few: Change[] = []
  let bytes = 0
  for await (const change of changes) {
    few.push(change)
    bytes += sizeOf(change)
    if (few.length > smallEntries || bytes > smallBytes) return undefined
  }
  return Readable.from(few)
}

function sizeOf(change: Change): number {
  const content = change.kind === 'put' ? change.resource.content?.() : undefined
  if (content === undefined) return 0
  if (content instanceof Uint8Array) return content.length
  content.destroy()
  return Infinity
}

/** A target that has got all of it lately, and so much that few will not be left of it; if they are, they are listed all the same. */
export function isLarge({ packages, entries }: Known): boolean {
  return packages.size > 0 && entries > 10 * smallEntries
}

/**
 * What is known of each target; undefined when one may hold anything. Where something else is still to be delivered before this command, it
 * may change what is there, and so nothing is known.
 */
export async function knownOfAll(
  parts: Parts,
  agent: Agent,
  { command, entry }: Progress,
  roots: readonly ResourcePath[],
): Promise<readonly Known[] | undefined> {
  const all: Known[] = []
  for (const queue of entry.targets) {
    const head = await headOf(parts.store, { agent: agent.name, queue })
    if (head !== undefined && head.value.command !== command.id) return undefined
    const known = await knownOf(parts, agent, queue, roots)
    if (known === undefined) return undefined
    all.push(known)
  }
  return all
}

/**
 * Asks each target that is another server whether it holds what it is known to hold, which a mirror has to know before it is applied: where nothing has
 * changed that is all that it is asked.
 */
export async function askAhead(
  { roster }: Pick<Parts, 'roster'>,
  agent: Agent,
  { command, entry }: Progress,
  roots: readonly ResourcePath[],
  known: readonly Known[],
  signal: AbortSignal,
): Promise<void> {
  for (const [i, name] of entry.targets.entries()) {
    const { whole } = known[i] as Known
    const { target } = sidesOf(agent, name)
    // A target that confirms is not asked before.
    if (whole === undefined || target.listedAs === undefined || agent.target(name).confirm !== undefined) continue
    const delivery = deliveryId({ command: command.id, agent: agent.name, target: name })
    const question = async (listing: string): Promise<boolean> =>
      (await target.listedAs?.(roots, [listing], signal, delivery)) === listing
    roster.asked.ask(delivery, await whole.listing(), question)
  }
}

interface DeltaOrder extends Listing {
  readonly source: ListedSource
  readonly known: readonly Known[]
  readonly origin: PackageOrigin
  /** Told what is sent. */
  readonly carries: Carries
}

/** Those of a tree of which only that is sent which some target is not known to hold; each is to be made before the next is asked for. */
export async function* deltaParts(
  { packages }: Pick<Parts, 'packages'>,
  order: DeltaOrder,
  signal: AbortSignal,
): AsyncGenerator<MakePart, void, void> {
  const search = new NeededSearch(order.known)
  let isWorthIt: boolean | undefined
  try {
    for await (const part of listedParts(order.source, order, signal)) {
      isWorthIt ??= isWorth(part, search.entries)
      const needed = isWorthIt ? await search.in(part) : allOf(part.text)
      const make = (): Promise<PackageSummary> => makePart(packages, part, needed, order, signal)
      yield Object.assign(make, { isKnown: search.knows(part.id) })
    }
  } finally {
    await search.close()
  }
}

/** To go through what is known of a large tree takes longer than to send a small part of it. */
function isWorth({ text: { entries, bytes }, more }: ListedPart, knownEntries: number): boolean {
  return more || knownEntries <= 20 * entries + bytes / 1024
}

function allOf({ files, bytes }: ManifestText): Needed {
  return { files, bytes, has: () => true }
}

async function makePart(
  packages: Parts['packages'],
  { text, header, id }: ListedPart,
  needed: Needed,
  { origin, source, carries }: Pick<DeltaOrder, 'origin' | 'source' | 'carries'>,
  signal: AbortSignal,
): Promise<PackageSummary> {
  // Little would be saved, and who has all of it can lack nothing.
  const isWhole = needed.bytes * 2 > text.bytes
  const sent = isWhole ? allOf(text) : needed
  carries.files += sent.files
  carries.bytes += sent.bytes
  const there = await packages.again(id)
  if (there !== undefined && (carriesAll(there) || needed.files === 0)) return there
  return packages.write(header, changesOf(text, sent, source, signal), origin, signal, { delta: !isWhole })
}

/** What has changed since it was listed is sent as it is now, and what has gone is not. */
async function* changesOf(
  text: ManifestText,
  needed: Pick<Needed, 'has'>,
  source: ListedSource,
  signal: AbortSignal,
): AsyncGenerator<Listed, void, void> {
  let number = 0
  for (const { bytes } of text.lines()) {
    const wanted: Line[] = []
    for (const [begin, feed] of linesIn(bytes)) {
      const isWanted = needed.has(number++) && !isFolderLine(bytes, feed)
      if (isWanted) wanted.push({ begin, end: feed + 1, path: placedEntry(bytes, begin).path })
    }
    yield* withContents(bytes, wanted, source, signal)
  }
}

interface Line {
  readonly begin: number
  readonly end: number
  readonly path: ResourcePath
}

/** The lines that are wanted as what is there now, the others as they stand. */
async function* withContents(
  bytes: Uint8Array,
  wanted: readonly Line[],
  source: ListedSource,
  signal: AbortSignal,
): AsyncGenerator<Listed, void, void> {
  const paths = wanted.map(({ path }) => path)
  const picked = new Ordered(source.pick(paths, signal), ({ path }: Resource) => path)
  let at = 0
  try {
    for (const { begin, end, path } of wanted) {
      if (begin > at) yield { kind: 'listed', lines: bytes.subarray(at, begin) }
      at = end
      const resource = await picked.at(path)
      if (resource !== undefined) yield { kind: 'put', resource }
    }
    if (at < bytes.length) yield { kind: 'listed', lines: bytes.subarray(at) }
  } finally {
    await picked.close()
  }
}
