import {
  dequeue,
  forget,
  itemOf,
  itemsOf,
  pausedKey,
  sizeKey,
  sizeOf,
  unevenKey,
  type LaneId,
} from '../../queues/lanes.ts'
import { below, type Batch, type Check, type Entry, type Store, type Write } from '../../state/store.ts'
import { insist } from '../commands/advance.ts'
import type { QueueHooks } from '../config/drops.ts'
import { deliveryKey, unqueued, type Delivery } from '../commands/records.ts'

/** What configs must know of queues: which ones hold items, and what goes with a queue that is given up. */
export function queueHooks(store: Store): QueueHooks {
  return {
    queuesInUse: async (agent, keep) => {
      const inUse: string[] = []
      for (const lane of await lanesOf(store, agent))
        if (!keeps(keep, lane.queue) && (await sizeOf(store, lane)) > 0) inUse.push(lane.queue)
      return inUse
    },
    alsoOnDrop: async (agent, keep, force): Promise<Batch> => {
      const checks: Check[] = []
      const writes: Write[] = []
      for (const lane of await lanesOf(store, agent)) {
        if (keeps(keep, lane.queue)) continue
        if (force) await withdrawAll(store, lane)
        checks.push({ key: sizeKey(lane), atMost: 0 })
        writes.push(...(await forget(store, lane)))
      }
      return { checks, writes: [...writes, ...(await pausesOf(store, agent, keep))] }
    },
  }
}

/** An error queue goes with its target's queue. */
function keeps(keep: readonly string[], queue: string): boolean {
  return keep.includes(queue) || (queue.startsWith('error-') && keep.includes(queue.slice('error-'.length)))
}

/** The lanes of an agent that hold anything. */
async function lanesOf(store: Store, agent: string): Promise<LaneId[]> {
  const prefix = sizeKey({ agent, queue: '' })
  const sizes = await store.range<number>({ ...below(prefix), limit: 10_000 })
  return sizes.map(({ key }) => ({ agent, queue: key.slice(prefix.length) }))
}

/** What is kept beside the lanes and goes: pauses of queues that go, and with the last queue what is kept of the agent. */
async function pausesOf(store: Store, agent: string, keep: readonly string[]): Promise<Write[]> {
  const prefix = `${pausedKey(agent)}/`
  const queues = await store.range({ ...below(prefix), limit: 10_000 })
  const gone = queues.filter(({ key }) => !keeps(keep, key.slice(prefix.length))).map(({ key }) => ({ delete: key }))
  return keep.length === 0 ? [...gone, { delete: pausedKey(agent) }, { delete: unevenKey(agent) }] : gone
}

/** Ends the deliveries of all items as cancelled and takes them out. */
async function withdrawAll(store: Store, lane: LaneId): Promise<void> {
  for (;;) {
    const items = await itemsOf(store, lane, { limit: 100 })
    if (items.length === 0) return
    for (const item of items) {
      const { command, target } = item.value
      const ended = await insist(
        store,
        command,
        lane.agent,
        async (_, [found]) => {
          const was = found as Entry<Delivery> | undefined
          const placed = await itemOf(store, lane, command)
          if (was === undefined || placed === undefined) return undefined
          const finishedAt = new Date().toISOString()
          const is: Delivery = { ...unqueued(was.value), state: 'cancelled', active: false, finishedAt }
          return {
            ...dequeue(lane, placed),
            deliveries: [{ was, is }],
            events: [{ type: 'delivery.cancelled', target }],
          }
        },
        [deliveryKey(command, lane.agent, target)],
      )
      // Nothing is known of it but its place: that at least is given up.
      if (ended === undefined) await store.commit(dequeue(lane, item))
    }
  }
}
