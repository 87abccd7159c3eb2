import { differences, statesOfAll } from '../../compare/differences.ts'
import { Ordered } from '../../compare/ordered.ts'
import type { Side } from '../../compare/sides.ts'
import type { Mirroring, Survey, Touched } from '../../endpoints/endpoint.ts'
import { touchedIn, type Was } from '../../endpoints/mirror.ts'
import { placedLines, placedState } from '../../packages/placed-lines.ts'
import { byteDifferences, type Difference, type SameLines } from '../../resources/byte-differences.ts'
import { LoopShare } from '../../threads/loop-share.ts'
import type { Resource } from '../../resources/resource.ts'
import type { Agent } from '../roster.ts'
import { sidesOf } from './compare.ts'
import type { KnownWhole } from './known.ts'

/** So many resources of the target are looked for at a time: of no more are the paths held. */
const pickedTogether = 1000

export interface MirrorOf extends Mirroring {
  /** Of the whole (PackageSummary). */
  readonly listing: () => Promise<string>
  /** What the target has found for it, where it can. */
  readonly survey?: Survey | undefined
  /** Whether the target was found to have this listing, when it was asked ahead. Undefined: it was not. */
  readonly asked?: (listing: string) => Promise<boolean | undefined>
}

/**
 * What the mirror will change of the agent's target, in path order, with what is there now: nothing is held of that beyond a batch. Where the
 * target has no survey of it, but says which listing it has, that of what is `known` need not be listed again.
 */
export async function* touchedAt(
  agent: Agent,
  target: string,
  mirror: MirrorOf,
  known: KnownWhole | undefined,
  signal: AbortSignal,
): AsyncGenerator<readonly Touched[], void, void> {
  if (mirror.survey !== undefined) return yield* mirror.survey.touched(signal)
  const side = sidesOf(agent, target).target
  const differ = await differencesAt(side, mirror, known, signal)
  if (differ !== undefined) yield* withContents(touchedIn(differ, mirror), side, signal)
}

/** Undefined where there are none. */
async function differencesAt(
  side: Side,
  { header: { roots }, parts, listing, asked }: MirrorOf,
  known: KnownWhole | undefined,
  signal: AbortSignal,
): Promise<AsyncIterable<Difference | SameLines> | undefined> {
  if (side.listedAs !== undefined) {
    const [ours, theirs] = [await listing(), await known?.listing()]
    const isKnown = theirs !== undefined && (await asked?.(theirs)) === true
    const is = isKnown ? theirs : await side.listedAs(roots, theirs === undefined ? [ours] : [ours, theirs], signal)
    // Of most trees nothing has changed.
    if (is === ours) return undefined
    if (known !== undefined && is !== undefined)
      return byteDifferences(placedLines(parts), placedLines(await known.files()), placedState)
  }
  return differences(statesOfAll(parts), side.list(roots, signal))
}

async function* withContents(
  touched: AsyncIterable<Was>,
  target: Side,
  signal: AbortSignal,
): AsyncGenerator<readonly Touched[], void, void> {
  const share = new LoopShare()
  for await (const some of together(touched)) {
    const paths = some.flatMap(({ path, was }) => (was === 'content' ? [path] : []))
    const picked = target.pickContents?.(paths, signal) ?? target.pick(paths, signal)
    const held = new Ordered(picked, ({ path }: Resource) => path)
    try {
      for (const { path, was } of some) {
        await share.giveWay()
        const resource = was === 'content' ? await held.at(path) : was === 'folder' ? { path } : undefined
        // One by one, for a content may be good only until the next is asked for.
        yield [{ path, ...(resource !== undefined && { was: resource }) }]
      }
    } finally {
      await held.close()
    }
  }
}

async function* together<T>(items: AsyncIterable<T>): AsyncGenerator<T[]> {
  let some: T[] = []
  for await (const item of items) {
    some.push(item)
    if (some.length < pickedTogether) continue
    yield some
    some = []
  }
  if (some.length > 0) yield some
}
