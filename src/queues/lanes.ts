import { below, sequenceKey, type Check, type Entry, type Store, type Write } from '../state/store.ts'

/** One agent's queue to one target. */
export interface LaneId {
  readonly agent: string
  readonly queue: string
}

/** What a lane holds of a delivery: only a reference. A command has at most one item in a lane, so it names the item. */
export interface LaneItem {
  readonly command: string
  /** The target that the delivery is for: in an error queue it differs from the queue's name. */
  readonly target: string
  readonly enqueuedAt: string
}

/** An item with its place: keys of one lane sort in the order in which the items will go. */
export type PlacedItem = Entry<LaneItem>

/*
 * items/<agent>/<queue>/<rank>/<sequence>   the items: those of a lower rank first, in each rank in order
 * position/<agent>/<queue>/<command>   the key of a command's item
 * size/<agent>/<queue>                 a counter: every item, the one in delivery included
 * epoch/<agent>/<queue>                the number of take-overs: who drains the lane holds the newest
 * paused/<agent>, paused/<agent>/<queue>   there while it is
 * lease/<agent>/<queue>                who has pulled the head of a passive queue last, and until when it is his
 * uneven/<agent>                       a counter: urgent items whose ranks differ between the agent's lanes
 * diverged/<agent>/<queue>             there since an item was skipped, until a comparison clears it
 */
const itemsPrefix = (lane: LaneId): string => `items/${lane.agent}/${lane.queue}/`
const itemsLog = (lane: LaneId, rank: number): string => `${itemsPrefix(lane)}${rank}`
const positionKey = (lane: LaneId, command: string): string => `position/${lane.agent}/${lane.queue}/${command}`
export const sizeKey = (lane: LaneId): string => `size/${lane.agent}/${lane.queue}`
const epochKey = (lane: LaneId): string => `epoch/${lane.agent}/${lane.queue}`
export const leaseKey = (lane: LaneId): string => `lease/${lane.agent}/${lane.queue}`
export const unevenKey = (agent: string): string => `uneven/${agent}`
export const divergedKey = (lane: LaneId): string => `diverged/${lane.agent}/${lane.queue}`
export const laneKey = (lane: LaneId): string => `${lane.agent}/${lane.queue}`

/** Of items that overtake nobody. More urgent ones have lower ranks, down to 0. */
export const normalRank = 9

/** To the tail of the lane, or of those in it that are as urgent. */
export function enqueue(lane: LaneId, item: LaneItem, rank = normalRank): Write[] {
  return [
    { append: itemsLog(lane, rank), value: item, index: positionKey(lane, item.command) },
    { add: sizeKey(lane), amount: 1 },
  ]
}

/** Takes an item out, whoever else may be about to: the batch fails if it is no longer at its place. */
export function dequeue(lane: LaneId, item: PlacedItem): { checks: Check[]; writes: Write[] } {
  return {
    checks: [{ key: item.key, version: item.version }],
    writes: [
      { delete: item.key },
      { delete: positionKey(lane, item.value.command) },
      { add: sizeKey(lane), amount: -1 },
    ],
  }
}

export async function headOf(store: Store, lane: LaneId): Promise<PlacedItem | undefined> {
  const [first] = await store.range<LaneItem>({ ...below(itemsPrefix(lane)), limit: 1 })
  return first
}

/** Where a lane begins, as `after` of a page. */
export const beforeAll = itemsPrefix

/** Whether this can be `after` of a page of the lane. */
export function isPlaceIn(lane: LaneId, after: string): boolean {
  const prefix = itemsPrefix(lane)
  return after.startsWith(prefix) && /^(\d\/\d{16})?$/.test(after.slice(prefix.length))
}

/** One page of items in the order in which they will go, behind the item at `after`; or against it, before `before`. */
export async function itemsOf(
  store: Store,
  lane: LaneId,
  page: { after?: string; before?: string; reverse?: boolean; limit: number },
): Promise<PlacedItem[]> {
  const whole = below(itemsPrefix(lane))
  return store.range<LaneItem>({
    from: page.after === undefined ? whole.from : `${page.after}\0`,
    to: page.before ?? whole.to,
    reverse: page.reverse ?? false,
    limit: page.limit,
  })
}

/** The first item of each rank, the most urgent first: one of them is in delivery, if any is. */
export async function headsOf(store: Store, lane: LaneId): Promise<PlacedItem[]> {
  const heads: PlacedItem[] = []
  for (let { from, to } = below(itemsPrefix(lane)); ;) {
    const [head] = await store.range<LaneItem>({ from, to, limit: 1 })
    if (head === undefined) return heads
    heads.push(head)
    from = below(`${itemsLog(lane, rankOf(head))}/`).to
  }
}

/** The rank of an item that has its place. */
export function rankOf({ key }: Pick<PlacedItem, 'key'>): number {
  return Number(key.at(-18))
}

/** For each lane and rank a check that fails when an item has come there since; all as they are at one moment. */
export async function arrivalsIn(store: Store, lanes: readonly LaneId[]): Promise<Check[][]> {
  const ranks = Array.from({ length: normalRank + 1 }, (_, rank) => rank)
  const keys = lanes.map((lane) => ranks.map((rank) => sequenceKey(itemsLog(lane, rank))))
  const entries = await store.getAll(keys.flat())
  return keys.map((ofLane, i) =>
    ofLane.map((key, rank) => ({ key, version: entries[i * ranks.length + rank]?.version ?? null })),
  )
}

export async function itemOf(store: Store, lane: LaneId, command: string): Promise<PlacedItem | undefined> {
  const position = await store.get<string>(positionKey(lane, command))
  return position === undefined ? undefined : store.get<LaneItem>(position.value)
}

export async function sizeOf(store: Store, lane: LaneId): Promise<number> {
  return (await store.get<number>(sizeKey(lane)))?.value ?? 0
}

/** Whether somebody may drain the lane, and who did last. */
export interface Standing {
  /** The lane, or all lanes of its agent. */
  readonly paused: boolean
  readonly pausedBy?: Pause
  /** To be taken over with `takeOver`; undefined when nobody has drained it yet. */
  readonly epoch: Entry<number> | undefined
}

export async function standingOf(store: Store, lane: LaneId): Promise<Standing> {
  const keys = [pausedKey(lane.agent), pausedKey(lane.agent, lane.queue), epochKey(lane)]
  const [agent, queue, epoch] = await store.getAll(keys)
  const by = (queue ?? agent) as Entry<Pause> | undefined
  return {
    ...{ paused: by !== undefined, epoch: epoch as Entry<number> | undefined },
    ...(by !== undefined && { pausedBy: by.value }),
  }
}

/** Takes the lane's next epoch: from then on no batch of whoever held an older one succeeds. */
export function takeOver(
  lane: LaneId,
  present: Standing['epoch'],
): { epoch: number; checks: Check[]; writes: Write[] } {
  const epoch = (present?.value ?? 0) + 1
  return {
    epoch,
    checks: [{ key: epochKey(lane), version: present?.version ?? null }],
    writes: [{ put: epochKey(lane), value: epoch }],
  }
}

/** How far epochs go ahead of all that may have been taken since a backup was made. */
const rewindBy = 1_000_000

/**
 * The value for an entry of a state that is taken back to an earlier time: targets remember epochs that were taken since, and
 * would refuse all older ones.
 */
export function rewound({ key, value }: Pick<Entry<unknown>, 'key' | 'value'>): unknown {
  return key.startsWith('epoch/') ? (value as number) + rewindBy : value
}

/** Holds while nobody has taken the lane over. */
export function stillHeld(lane: LaneId, epoch: number): Check[] {
  return [{ key: epochKey(lane), atMost: epoch }]
}

/** Hold while neither the lane nor all lanes of its agent are paused. */
export function stillRunning({ agent, queue }: LaneId): Check[] {
  return [
    { key: pausedKey(agent), version: null },
    { key: pausedKey(agent, queue), version: null },
  ]
}

/**
 * What the Store keeps of a lane; its items must be gone, or be meant to go. The epoch stays: targets remember it, and would
 * refuse a lane of the same name that began to count anew.
 */
export async function forget(store: Store, lane: LaneId): Promise<Write[]> {
  const writes: Write[] = [
    { delete: sizeKey(lane) },
    { delete: pausedKey(lane.agent, lane.queue) },
    { delete: divergedKey(lane) },
    { delete: leaseKey(lane) },
  ]
  for (const prefix of [itemsPrefix(lane), `position/${laneKey(lane)}/`])
    for (let from = prefix; ;) {
      const page = await store.range({ ...below(prefix), from, limit: 1000 })
      writes.push(...page.map((entry) => ({ delete: entry.key })))
      const last = page.at(-1)
      if (last === undefined || page.length < 1000) break
      from = `${last.key}\0`
    }
  return writes
}

/** The last pull of a passive queue. */
export interface Lease {
  readonly command: string
  /** Rises with each pull. */
  readonly number: number
  /** RFC 3339: from then on the item is offered again. */
  readonly until: string
  readonly actor: string
  /** Who may pull it again before that: whoever calls himself so. */
  readonly holder?: string
}

/** What a target may lack since an item was skipped. */
export interface Divergence {
  readonly since: string
  /** Of the item that was skipped last, with who did and why. */
  readonly command: string
  readonly actor: string
  readonly reason?: string
}

export interface Pause {
  readonly at: string
  readonly actor: string
  readonly reason?: string
}

/** `queue` undefined: of the whole agent. */
export function pausedKey(agent: string, queue?: string): string {
  return queue === undefined ? `paused/${agent}` : `paused/${agent}/${queue}`
}

/** Whether all lanes of the agent are paused. */
export async function isPaused(store: Store, agent: string): Promise<boolean> {
  return (await store.get(pausedKey(agent))) !== undefined
}
