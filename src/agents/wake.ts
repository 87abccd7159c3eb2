import { headOf, laneKey } from '../queues/lanes.ts'
import type { Task } from '../queues/work.ts'
import type { Parts } from './parts.ts'
import type { Agent } from './roster.ts'

/** The export of a command's part for one agent. */
export function exportTask(command: string, agent: string): Task {
  return { queue: 'exports', key: `${command}/${agent}`, data: { command, agent }, label: command }
}

/**
 * Wakes the lanes of an agent that somebody drains, those of its targets, if they hold anything: an empty one is woken by
 * whoever puts something in. Each is labelled with the command whose item is its head. With `command`, only those whose head
 * is that command's item: behind another head it has to wait, and whoever made that the head has woken the lane.
 */
export async function wakeLanes(
  { store, work }: Pick<Parts, 'store' | 'work'>,
  agent: Agent,
  command?: string,
): Promise<void> {
  await Promise.all(
    agent.targets.map(async (queue) => {
      const lane = { agent: agent.name, queue }
      const head = await headOf(store, lane)
      if (head !== undefined && (command ?? head.value.command) === head.value.command)
        await work.wake({ queue: 'deliveries', key: laneKey(lane), data: lane, label: head.value.command })
    }),
  )
}
