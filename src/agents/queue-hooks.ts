import { dequeue, forget, itemsOf, pausedKey, sizeKey, sizeOf, type LaneId } from '../queues/lanes.ts'
import { below, type Batch, type Check, type Store, type Write } from '../state/store.ts'
import { advance } from './advance.ts'
import type { QueueHooks } from './config-store.ts'
import { deliveryKey, type Delivery } from './records.ts'

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

/** The pauses that go: those of queues that go, and with its last queue that of the agent. */
async function pausesOf(store: Store, agent: string, keep: readonly string[]): Promise<Write[]> {
  const prefix = `${pausedKey(agent)}/`
  const queues = await store.range({ ...below(prefix), limit: 10_000 })
  const gone = queues.filter(({ key }) => !keeps(keep, key.slice(prefix.length))).map(({ key }) => ({ delete: key }))
  return keep.length === 0 ? [...gone, { delete: pausedKey(agent) }] : gone
}

/** Ends the deliveries of all items as cancelled and takes them out. */
async function withdrawAll(store: Store, lane: LaneId): Promise<void> {
  for (;;) {
    const items = await itemsOf(store, lane, { limit: 100 })
    if (items.length === 0) return
    for (const item of items) {
      const ended = await advance(store, item.value.command, lane.agent, async () => {
        const was = await store.get<Delivery>(deliveryKey(item.value.command, lane.agent, item.value.target))
        if (was === undefined) return undefined
        const { queue: _, nextAttemptAt: _next, ...kept } = was.value
        const is: Delivery = { ...kept, state: 'cancelled', active: false, finishedAt: new Date().toISOString() }
        const { target } = is
        return { ...dequeue(lane, item), deliveries: [{ was, is }], events: [{ type: 'delivery.cancelled', target }] }
      })
      // Nothing is known of it but its place: that at least is given up.
      if (ended === undefined) await store.commit(dequeue(lane, item))
    }
  }
}
