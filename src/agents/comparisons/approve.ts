import { ReplicationError } from '../../errors.ts'
import { enqueue } from '../../queues/lanes.ts'
import { below, scan, type Entry, type Write } from '../../state/store.ts'
import { insist } from '../commands/advance.ts'
import { agentsOf, commandOf } from '../commands/command.ts'
import { deliveryKey, type Command, type Delivery } from '../commands/records.ts'
import type { Parts } from '../parts.ts'
import { exportTask } from '../work/wake.ts'

/**
 * Lets a command begin that waited for somebody to agree: it goes to the tail of its queues, for it has been in none. Throws
 * `missing`; `conflict` when nothing waits for that; `forbidden` for whoever asked for the command.
 */
export async function approve(
  parts: Parts,
  id: string,
  { actor, caller, reason }: { readonly actor: string; readonly caller?: string; readonly reason?: string | undefined },
): Promise<Command> {
  const asked = await commandOf(parts, id)
  if (asked.approval?.state !== 'needed' || asked.finishedAt !== undefined)
    throw new ReplicationError('conflict', `command ${id} does not wait for anybody's approval`)
  // Whoever is known elsewhere may be called something else by now.
  if (asked.actor === actor || (caller !== undefined && asked.caller === caller))
    throw new ReplicationError(
      'forbidden',
      `command ${id} must be approved by somebody else than ${actor}, who asked for it`,
    )
  const at = new Date().toISOString()
  for (const agent of agentsOf(asked))
    await insist(parts.store, id, agent, async ({ command, entry }) => {
      if (entry.stage !== 'preparing' || command.approval?.state !== 'needed') return undefined
      const deliveries: { was: Entry<Delivery>; is: Delivery }[] = []
      const writes: Write[] = []
      for await (const was of scan<Delivery>(parts.store, below(deliveryKey(id, agent, '')))) {
        if (was.value.state !== 'queued' || was.value.queue !== undefined) continue
        const { target } = was.value
        deliveries.push({ was, is: { ...was.value, queue: target } })
        writes.push(...enqueue({ agent, queue: target }, { command: id, target, enqueuedAt: at }))
      }
      const approval = { state: 'given', by: actor, at, ...(reason !== undefined && { reason }) } as const
      return {
        ...{ deliveries, command: { approval } },
        writes,
        events: [{ type: 'command.approved', actor, data: { ...(reason !== undefined && { reason }) } }],
      }
    })
  for (const agent of agentsOf(asked)) await parts.work.wake(exportTask(id, agent))
  return commandOf(parts, id)
}
