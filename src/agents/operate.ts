import { ReplicationError } from '../errors.ts'
import { dequeue, enqueue, itemOf, pausedKey, type LaneId, type Pause } from '../queues/lanes.ts'
import { below, scan, type Check, type Entry, type Write } from '../state/store.ts'
import { advance } from './advance.ts'
import { eventWrites, words } from './events.ts'
import { withdraw } from './exports.ts'
import type { Parts } from './parts.ts'
import { exportTask } from './wake.ts'
import { commandKey, deliveryKey, isUnderWay, type Command, type Decision, type Delivery } from './records.ts'
import type { Agent } from './roster.ts'

/** Lets the queues of an agent, or one of them, stand still; the delivery in flight ends first. Survives a restart. */
export async function pause(parts: Parts, agent: Agent, queue: string | undefined, actor: string): Promise<void> {
  const { store } = parts
  const key = pausedKey(agent.name, queue)
  if ((await store.get(key)) !== undefined) return
  const at = new Date().toISOString()
  const type = queue === undefined ? 'agent.paused' : 'queue.paused'
  const { ok } = await store.commit({
    checks: [{ key, version: null }],
    writes: [
      { put: key, value: { at, actor } satisfies Pause },
      ...eventWrites({ type, at, agent: agent.name, actor, ...targetOf(queue) }),
    ],
  })
  if (ok) parts.log.info({ agent: agent.name, actor, ...targetOf(queue) }, words[type])
}

export async function resume(parts: Parts, agent: Agent, queue: string | undefined, actor: string): Promise<void> {
  const { store } = parts
  const paused = await store.get(pausedKey(agent.name, queue))
  if (paused !== undefined) {
    const at = new Date().toISOString()
    const type = queue === undefined ? 'agent.resumed' : 'queue.resumed'
    const { ok } = await store.commit({
      checks: [{ key: paused.key, version: paused.version }],
      writes: [{ delete: paused.key }, ...eventWrites({ type, at, agent: agent.name, actor, ...targetOf(queue) })],
    })
    if (ok) parts.log.info({ agent: agent.name, actor, ...targetOf(queue) }, words[type])
  }
  await parts.wakeLanes(agent)
}

/** A queue is named after its target. */
function targetOf(queue: string | undefined): { readonly target?: string } {
  return queue === undefined ? {} : { target: queue }
}

/** Takes what is not yet being delivered out of the queues. Throws `missing`. */
export async function cancel(parts: Parts, commandId: string, actor: string): Promise<Command> {
  for (const agent of agentsOf(await commandOf(parts, commandId)))
    await untilTaken(() =>
      advance(parts.store, commandId, agent, async ({ entry }) => {
        const at = new Date().toISOString()
        const gone = await withdraw(parts.store, entry, (delivery) =>
          !isUnderWay(delivery) && (delivery.state === 'queued' || delivery.state === 'retrying')
            ? { ...delivery, state: 'cancelled', decision: { verb: 'cancel', at, actor } }
            : undefined,
        )
        const early = entry.stage === 'preparing'
        if (gone.deliveries.length === 0 && !early) return undefined
        return {
          ...gone,
          ...(early && { entry: { stage: 'cancelled', nextExportAt: undefined } }),
          events: [
            ...gone.deliveries.map(({ is }) => ({ type: 'delivery.cancelled' as const, target: is.target, actor })),
            { type: 'command.cancelled', actor },
          ],
        }
      }),
    )
  await wakeAgents(parts, commandId)
  return commandOf(parts, commandId)
}

/** Queues again what failed, at the tail; an export that failed is made anew. Throws `missing`, `conflict`. */
export async function retry(parts: Parts, commandId: string, actor: string): Promise<Command> {
  const command = await commandOf(parts, commandId)
  if (command.action === 'test') throw new ReplicationError('conflict', 'a test is not retried: ask for another one')
  for (const agent of agentsOf(command))
    await untilTaken(() =>
      advance(parts.store, commandId, agent, async ({ entry }) => {
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
          const { error: _, finishedAt: _finished, nextAttemptAt: _next, applied: _applied, ...delivery } = was.value
          const round = (delivery.round ?? 0) + 1
          const enqueuedAt = new Date().toISOString()
          const decision: Decision = { verb: 'retry', at: enqueuedAt, actor }
          requeued.push({ was, is: { ...delivery, state: 'queued', attempts: 0, round, queue: lane.queue, decision } })
          writes.push(...enqueue(lane, { command: commandId, target: lane.queue, enqueuedAt }))
        }
        if (!anew && requeued.length === 0) return undefined
        return {
          ...{ deliveries: requeued, checks, writes },
          ...(anew && { entry: { stage: 'preparing', exports: 0, error: undefined } }),
          events: [{ type: 'command.retried', actor }],
        }
      }),
    )
  await wakeAgents(parts, commandId)
  return commandOf(parts, commandId)
}

export async function commandOf(parts: Pick<Parts, 'store'>, id: string): Promise<Command> {
  const command = await parts.store.get<Command>(commandKey(id))
  if (command === undefined) throw new ReplicationError('missing', `there is no command ${id}`)
  return command.value
}

export function agentsOf(command: Command): string[] {
  return command.statusList.filter(({ status }) => status === 'queued').map(({ agent }) => agent)
}

/** An item that moved meanwhile makes a step fail its checks; what is then left to do is looked at anew. */
async function untilTaken(step: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; tries < 5; tries++) if ((await step()) !== undefined) return
}

async function wakeAgents(parts: Parts, commandId: string): Promise<void> {
  for (const name of agentsOf(await commandOf(parts, commandId))) {
    await parts.work.wake(exportTask(commandId, name))
    const agent = await parts.roster.find(name)
    if (agent !== undefined) await parts.wakeLanes(agent)
  }
}
