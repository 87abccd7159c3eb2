import { ReplicationError } from '../../errors.ts'
import { dequeue, enqueue, itemOf, pausedKey, type LaneId, type Pause } from '../../queues/lanes.ts'
import { below, scan, type Check, type Entry, type Write } from '../../state/store.ts'
import { insist } from './advance.ts'
import { eventWrites } from '../events/events.ts'
import { withdraw } from '../work/exports.ts'
import type { Parts } from '../parts.ts'
import { exportTask } from '../work/wake.ts'
import { anotherRound, decided, deliveryKey, isUnderWay, type Command, type Delivery } from './records.ts'
import type { Agent } from '../roster.ts'
import { agentsOf, commandOf } from './command.ts'

/** Lets the queues of an agent, or one of them, stand still; the delivery in flight ends first. Survives a restart. */
export async function pause(
  parts: Parts,
  agent: Agent,
  queue: string | undefined,
  actor: string,
  reason?: string,
): Promise<void> {
  const at = new Date().toISOString()
  const key = pausedKey(agent.name, queue)
  const by: Pause = { at, actor, ...(reason !== undefined && { reason }) }
  // When it is paused already, it stays so in the name of whoever was first.
  await parts.store.commit({
    checks: [{ key, version: null }],
    writes: [{ put: key, value: by }, ...pauseEvent('paused', agent, queue, by)],
  })
}

export async function resume(
  parts: Parts,
  agent: Agent,
  queue: string | undefined,
  actor: string,
  reason?: string,
): Promise<void> {
  const key = pausedKey(agent.name, queue)
  for (;;) {
    const paused = await parts.store.get(key)
    if (paused === undefined) break
    const by: Pause = { at: new Date().toISOString(), actor, ...(reason !== undefined && { reason }) }
    await parts.store.commit({
      checks: [{ key, version: paused.version }],
      writes: [{ delete: key }, ...pauseEvent('resumed', agent, queue, by)],
    })
  }
  await parts.wakeLanes(agent)
}

/** A queue is named after its target. */
function pauseFacts(
  agent: Agent,
  queue: string | undefined,
  { actor, reason }: Pause,
): { readonly agent: string; readonly actor: string; readonly target?: string; readonly data?: object } {
  return {
    agent: agent.name,
    ...(queue !== undefined && { target: queue }),
    ...told({ actor, ...(reason !== undefined && { reason }) }),
  }
}

function pauseEvent(verb: 'paused' | 'resumed', agent: Agent, queue: string | undefined, by: Pause): Write[] {
  return eventWrites({
    type: `${queue === undefined ? 'agent' : 'queue'}.${verb}`,
    at: by.at,
    ...pauseFacts(agent, queue, by),
  })
}

/** Who asked for it stands beside the event, why in it. */
function told({ actor, reason }: { readonly actor: string; readonly reason?: string }): {
  readonly actor: string
  readonly data?: object
} {
  return { actor, ...(reason !== undefined && { data: { reason } }) }
}

/**
 * Takes what is not yet being delivered out of the queues. What has failed stays in its error queue, save when its package
 * was still to be made: there will be none. Throws `missing`.
 */
export async function cancel(parts: Parts, commandId: string, actor: string, reason?: string): Promise<Command> {
  const by = { actor, ...(reason !== undefined && { reason }) }
  for (const agent of agentsOf(await commandOf(parts, commandId)))
    await insist(parts.store, commandId, agent, async ({ entry }) => {
      const at = new Date().toISOString()
      const early = entry.stage === 'preparing'
      const gone = await withdraw(parts.store, entry, (delivery) =>
        isOpen(delivery) || (early && delivery.queue !== undefined)
          ? {
              ...delivery,
              state: 'cancelled',
              decisions: decided(delivery, { verb: 'cancel', at, ...by, event: 'delivery.cancelled' }),
            }
          : undefined,
      )
      if (gone.deliveries.length === 0 && !early) return undefined
      return {
        ...gone,
        ...(early && { entry: { stage: 'cancelled', nextExportAt: undefined } }),
        events: [
          ...gone.deliveries.map(({ is: { target } }) => ({
            ...{ type: 'delivery.cancelled' as const, target, actor },
            data: { verb: 'cancel', ...(reason !== undefined && { reason }) },
          })),
          { type: 'command.cancelled', ...told(by) },
        ],
      }
    })
  await wakeAgents(parts, commandId)
  return commandOf(parts, commandId)
}

/** It has not ended, and nobody is about to end it. */
function isOpen(delivery: Delivery): boolean {
  return ['queued', 'delivering', 'retrying'].includes(delivery.state) && !isUnderWay(delivery)
}

/** Queues again what failed, at the tail; an export that failed is made anew. Throws `missing`, `conflict`. */
export async function retry(parts: Parts, commandId: string, actor: string, reason?: string): Promise<Command> {
  const by = { actor, ...(reason !== undefined && { reason }) }
  const command = await commandOf(parts, commandId)
  if (command.action === 'test') throw new ReplicationError('conflict', 'a test is not retried: ask for another one')
  for (const agent of agentsOf(command))
    await insist(parts.store, commandId, agent, async ({ entry }) => {
      const anew = entry.stage === 'failed'
      const requeued: { was: Entry<Delivery>; is: Delivery }[] = []
      const checks: Check[] = []
      const writes: Write[] = []
      for await (const was of scan<Delivery>(parts.store, below(deliveryKey(commandId, agent, '')))) {
        if (was.value.state !== 'failed') continue
        const lane: LaneId = { agent, queue: was.value.target }
        const parked = was.value.queue && (await itemOf(parts.store, { agent, queue: was.value.queue }, commandId))
        if (parked) {
          const out = dequeue({ agent, queue: was.value.queue ?? '' }, parked)
          checks.push(...out.checks)
          writes.push(...out.writes)
        }
        const at = new Date().toISOString()
        const decisions = decided(was.value, { verb: 'retry', at, ...by, event: 'command.retried' })
        requeued.push({ was, is: { ...anotherRound(was.value), decisions } })
        writes.push(...enqueue(lane, { command: commandId, target: lane.queue, enqueuedAt: at }))
      }
      if (!anew && requeued.length === 0) return undefined
      return {
        ...{ deliveries: requeued, checks, writes },
        ...(anew && { entry: { stage: 'preparing', exports: 0, error: undefined } }),
        events: [{ type: 'command.retried', ...told(by) }],
      }
    })
  await wakeAgents(parts, commandId)
  return commandOf(parts, commandId)
}

async function wakeAgents(parts: Parts, commandId: string): Promise<void> {
  for (const name of agentsOf(await commandOf(parts, commandId))) {
    await parts.work.wake(exportTask(commandId, name))
    const agent = await parts.roster.find(name)
    if (agent !== undefined) await parts.wakeLanes(agent)
  }
}
