import { headsOf, itemsOf, rankOf, takeOver, type LaneId, type PlacedItem, type Standing } from '../../queues/lanes.ts'
import { advanceAll } from '../commands/advance.ts'
import type { Parts } from '../parts.ts'
import { deliveryKey, type Delivery } from '../commands/records.ts'
import { waitingAgain } from './begin.ts'

/** More than are ever claimed at once. */
const looked = 32

/**
 * Whoever works on a lane is the only one who does. So what is in delivery there, though he has begun nothing, was left by a
 * server that died: it waits again, and operators may decide about it. Whoever comes back is fenced, for the lane was taken over
 * in his absence. Answers whether there was such an item; `except` is not looked at.
 */
export async function putBack(
  { store }: Pick<Parts, 'store'>,
  lane: LaneId,
  { epoch }: Standing,
  except?: PlacedItem,
): Promise<boolean> {
  for (const head of await headsOf(store, lane)) {
    const behind = await itemsOf(store, lane, { after: head.key, limit: looked })
    const items = [head, ...behind.filter((item) => rankOf(item) === rankOf(head))].filter(
      ({ key }) => key !== except?.key,
    )
    const keys = items.map(({ value: { command, target } }) => deliveryKey(command, lane.agent, target))
    const deliveries = await store.getAll<Delivery>(keys)
    const item = items.find((_, i) => deliveries[i]?.value.active === true)
    if (item === undefined) continue
    const { checks, writes } = takeOver(lane, epoch)
    const [done] = await advanceAll(store, [waitingAgain(lane, item, { checks, writes })])
    if (done !== undefined) return true
  }
  return false
}
