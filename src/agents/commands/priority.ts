import { arrivalsIn, beforeAll, itemsOf, normalRank, rankOf, unevenKey, type LaneId } from '../../queues/lanes.ts'
import { globOf } from '../../resources/glob.ts'
import { isWithin, type ResourcePath } from '../../resources/path.ts'
import type { Check, Store, Write } from '../../state/store.ts'
import type { AgentConfig } from '../config/config.ts'
import { commandKey, type Command } from './records.ts'

const pageSize = 100

/** How often an item whose ranks differ looks for its places while others keep coming. */
const unevenTries = 20

/** Where the items of one agent's part of a command go, and what must hold and be written when they do. */
export interface Placing {
  readonly ranks: ReadonlyMap<string, number>
  readonly checks: readonly Check[]
  readonly writes: readonly Write[]
}

/** Behind everything: they overtake nobody. */
const atTheEnd: Placing = { ranks: new Map(), checks: [], writes: [] }

/** One lane, as far as it has been looked at. */
interface Look {
  readonly lane: LaneId
  rank: number
  /** The key of the last item of normal rank that was looked at. */
  seen: string
}

/**
 * Finds the ranks of the items of one agent's part of a command. Each gets that of the first priority class of which all its
 * paths are, unless it would overtake an item of the same lane that shares a path with it, or an ancestor of one: then it
 * goes behind that item, at the tail of its rank, for a delete that overtook the publication of the same page would be undone by
 * it. An urgent item looks at all that waits behind its place, a normal one at nothing.
 *
 * What comes to the lanes during the look counts as accepted after it: neither caller knew of the other. So that two commands
 * that share a path go in the same order to all targets of an agent, an item whose ranks differ between lanes looks again
 * while others come, and in the end takes everywhere the rank that it must have in one of them.
 */
export class PlaceSearch {
  readonly #store: Store
  readonly #agent: string
  readonly #paths: readonly ResourcePath[]
  readonly #looks: readonly Look[]
  readonly #urgent: boolean
  /** By command; what goes to many targets is in all of their lanes. */
  readonly #shares = new Map<string, boolean>()
  #tries = 0

  constructor(
    store: Store,
    agent: { readonly name: string; readonly config: Pick<AgentConfig, 'queue'> },
    queues: readonly string[],
    paths: readonly ResourcePath[],
  ) {
    const rank = classOf(agent.config.queue, paths)
    this.#store = store
    this.#agent = agent.name
    this.#paths = paths
    this.#looks = queues.map((queue) => ({ lane: { agent: agent.name, queue }, rank, seen: '' }))
    this.#urgent = rank < normalRank && queues.length > 0
  }

  /** Looks, or looks again at what came since: when the batch of the last placing has failed. */
  async find(): Promise<Placing> {
    if (!this.#urgent) return atTheEnd
    // Before the look, so that nothing that comes during it goes unnoticed.
    const uneven = await this.#store.get(unevenKey(this.#agent))
    const arrivals = await arrivalsIn(
      this.#store,
      this.#looks.map(({ lane }) => lane),
    )
    for (const look of this.#looks) await this.#look(look)
    const last = Math.max(...this.#looks.map(({ rank }) => rank))
    if (++this.#tries > unevenTries) for (const look of this.#looks) look.rank = last
    const ranks = new Map(this.#looks.map(({ lane, rank }) => [lane.queue, rank]))
    const even = this.#looks.every(({ rank }) => rank === last)
    const differs = { key: unevenKey(this.#agent), version: uneven?.version ?? null }
    if (even) return { ranks, checks: last === normalRank ? [] : [differs], writes: [] }
    return {
      ranks,
      checks: this.#looks.flatMap(({ rank }, i) => (arrivals[i] ?? []).slice(rank + 1)),
      writes: [{ add: unevenKey(this.#agent), amount: 1 }],
    }
  }

  /** Goes on where it ended before, save among the urgent ones, which are few. */
  async #look(look: Look): Promise<void> {
    for (let after = beforeAll(look.lane); look.rank < normalRank;) {
      const page = await itemsOf(this.#store, look.lane, { limit: pageSize, after })
      await this.#ask(page.filter((item) => rankOf(item) > look.rank).map(({ value }) => value.command))
      for (const item of page)
        if (this.#shares.get(item.value.command) === true) look.rank = Math.max(look.rank, rankOf(item))
      const last = page.at(-1)
      if (last === undefined) return
      after = last.key
      if (rankOf(last) === normalRank) {
        if (after < look.seen) after = look.seen
        look.seen = after
      }
      if (page.length < pageSize) return
    }
  }

  async #ask(ids: readonly string[]): Promise<void> {
    const unknown = ids.filter((id) => !this.#shares.has(id))
    if (unknown.length === 0) return
    const commands = await this.#store.getAll<Command>(unknown.map(commandKey))
    for (const [i, id] of unknown.entries()) this.#shares.set(id, share(this.#paths, commands[i]?.value.paths ?? []))
  }
}

/** The first class of which all the paths are. */
function classOf({ priority }: AgentConfig['queue'], paths: readonly ResourcePath[]): number {
  const found = priority.findIndex((one) => {
    const globs = one.paths.map(globOf)
    return paths.every((path) => globs.some((glob) => glob(path)))
  })
  return found === -1 ? normalRank : found
}

function share(some: readonly ResourcePath[], others: readonly ResourcePath[]): boolean {
  return some.some((one) => others.some((other) => isWithin(one, other) || isWithin(other, one)))
}
