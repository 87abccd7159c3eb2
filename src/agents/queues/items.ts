import { ReplicationError, type ErrorView } from '../../errors.ts'
import type { PackageId } from '../../packages/manifest.ts'
import { beforeAll, headsOf, itemOf, itemsOf, type LaneId, type PlacedItem } from '../../queues/lanes.ts'
import type { ResourcePath } from '../../resources/path.ts'
import type { Store } from '../../state/store.ts'
import { recordsOf, type Records } from './item-records.ts'
import { laneOf } from './views.ts'
import {
  deliveryKey,
  isUnderWay,
  type CommandAction,
  type Delivery,
  type HistoryEntry,
  type Try,
} from '../commands/records.ts'
import type { Agent } from '../roster.ts'

/** Paths that an item shows: a command may name thousands. */
const shownPaths = 20
/** Items whose records are read in one go: each look is a way to the Store and back. */
const together = 64

export interface ItemView {
  readonly id: string
  readonly command: string
  readonly package?: PackageId
  readonly action: CommandAction
  readonly paths: readonly ResourcePath[]
  readonly pathCount: number
  readonly entries: number
  readonly bytes: number
  readonly actor: string
  readonly state: 'preparing' | 'waiting' | 'active' | 'retrying' | 'leased' | 'failed'
  readonly attempts: number
  readonly error?: ErrorView
  readonly enqueuedAt: string
  readonly nextAttemptAt?: string
}

export interface ItemDetail extends ItemView {
  readonly tries: readonly Try[]
}

/** Items in the order in which they will go; `next` is where to go on. */
export async function listItems(
  store: Store,
  agent: Agent,
  queue: string,
  page: { readonly state?: ItemView['state']; readonly after?: string; readonly limit: number },
): Promise<{ items: readonly ItemView[]; next?: string }> {
  const lane = laneOf(agent, queue)
  const items: ItemView[] = []
  let after = page.after ?? beforeAll(lane)
  const active = await activeOf(store, lane)
  if (active !== undefined && page.after === undefined && (page.state ?? 'active') === 'active')
    items.push(...(await itemViews(store, lane, [active])))
  for (;;) {
    const placed = await itemsOf(store, lane, { limit: page.limit + 1, after })
    for (let at = 0; at < placed.length; at += together) {
      const some = placed.slice(at, at + together)
      const views = await itemViews(store, lane, some)
      for (const [i, view] of views.entries()) {
        if (items.length === page.limit) return { items, next: after }
        const shown = some[i]?.key !== active?.key && (page.state === undefined || view.state === page.state)
        if (shown) items.push(view)
        after = some[i]?.key ?? after
      }
    }
    if (placed.length <= page.limit) return { items }
  }
}

/** What is in delivery: not always the first, for a more urgent one may have come meanwhile. */
async function activeOf(store: Store, lane: LaneId): Promise<PlacedItem | undefined> {
  const heads = await headsOf(store, lane)
  const deliveries = await store.getAll<Delivery>(
    heads.map(({ value: { command, target } }) => deliveryKey(command, lane.agent, target)),
  )
  return heads.find((_, i) => deliveries[i]?.value.active === true)
}

/** Throws `missing`. */
export async function findItem(store: Store, agent: Agent, queue: string, command: string): Promise<ItemDetail> {
  const lane = laneOf(agent, queue)
  const item = await itemOf(store, lane, command)
  if (item === undefined) throw new ReplicationError('missing', `queue ${queue} has no item ${command}`)
  const [records = {}] = await recordsOf(store, agent.name, [item])
  return { ...itemView(item, records), tries: records.delivery?.tries ?? [] }
}

async function itemViews(store: Store, lane: LaneId, items: readonly PlacedItem[]): Promise<ItemView[]> {
  const records = await recordsOf(store, lane.agent, items)
  return items.map((item, i) => itemView(item, records[i] ?? {}))
}

function itemView(item: PlacedItem, { delivery, entry, command }: Records): ItemView {
  const paths = command?.paths ?? []
  return {
    ...{ id: item.value.command, command: item.value.command },
    ...(entry?.package !== undefined && { package: entry.package }),
    ...{ action: command?.action ?? 'add', paths: paths.slice(0, shownPaths), pathCount: paths.length },
    ...{ entries: (entry?.made ?? entry)?.entries ?? 0, bytes: (entry?.made ?? entry)?.bytes ?? 0 },
    actor: command?.actor ?? '',
    ...{ state: itemState(delivery, entry), attempts: delivery?.attempts ?? 0 },
    ...(delivery?.error !== undefined && { error: delivery.error }),
    enqueuedAt: item.value.enqueuedAt,
    ...(delivery?.nextAttemptAt !== undefined && { nextAttemptAt: delivery.nextAttemptAt }),
  }
}

function itemState(delivery: Delivery | undefined, entry: HistoryEntry | undefined): ItemView['state'] {
  if (delivery?.state === 'failed') return 'failed'
  // A part of it may be on its way while the next is made.
  if (delivery?.active === true) return 'active'
  if (entry?.stage === 'preparing') return delivery?.nextAttemptAt === undefined ? 'preparing' : 'retrying'
  if (delivery !== undefined && isUnderWay(delivery)) return 'leased'
  return delivery?.state === 'retrying' ? 'retrying' : 'waiting'
}
