import { itemsOf, noneBehind, normalRank, rankOf, type LaneId } from '../queues/lanes.ts'
import { globOf } from '../resources/glob.ts'
import { isWithin, type ResourcePath } from '../resources/path.ts'
import type { Check, Store } from '../state/store.ts'
import type { AgentConfig } from './config.ts'
import { commandKey, type Command } from './records.ts'

const pageSize = 100

/** Where an item goes in a lane, and what must still be so when it does. */
export interface Placing {
  readonly rank: number
  readonly checks: readonly Check[]
}

/** Behind everything: it overtakes nobody. */
export const lastPlace: Placing = { rank: normalRank, checks: [] }

/**
 * The rank of an item: that of the first priority class of which all its paths are, unless it would overtake an item that
 * shares a path with it, or an ancestor of one. Then it goes behind that item, at the tail of its rank: a delete that
 * overtook the publication of the same page would be undone by it.
 *
 * An urgent item looks at all that waits behind it, a normal one at nothing.
 */
export async function placeOf(
  store: Store,
  lane: LaneId,
  { priority }: AgentConfig['queue'],
  paths: readonly ResourcePath[],
): Promise<Placing> {
  const urgent = priority.findIndex((one) => {
    const globs = one.paths.map(globOf)
    return paths.every((path) => globs.some((glob) => glob(path)))
  })
  if (urgent === -1) return lastPlace
  // Before the look, so that an item that comes during it is not missed.
  const checks = await noneBehind(store, lane, urgent)
  let rank = urgent
  for (let after: string | undefined; ;) {
    const page = await itemsOf(store, lane, { limit: pageSize, ...(after !== undefined && { after }) })
    const behind = page.filter((item) => rankOf(item) > rank)
    const commands = await store.getAll<Command>(behind.map(({ value }) => commandKey(value.command)))
    for (const [i, item] of behind.entries())
      if (share(paths, commands[i]?.value.paths ?? [])) rank = Math.max(rank, rankOf(item))
    after = page.at(-1)?.key
    if (page.length < pageSize) return { rank, checks }
  }
}

function share(some: readonly ResourcePath[], others: readonly ResourcePath[]): boolean {
  return some.some((one) => others.some((other) => isWithin(one, other) || isWithin(other, one)))
}
