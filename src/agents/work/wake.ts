import { headOf, laneKey, type LaneId } from '../../queues/lanes.ts'
import type { Task } from '../../queues/work.ts'
import type { Parts } from '../parts.ts'
import type { Agent } from '../roster.ts'

/** The export of a command's part for one agent. */
export function exportTask(command: string, agent: string): Task {
  return { queue: 'exports', key: `${command}/${agent}`, data: { command, agent }, label: command }
}

/** Wakes the lanes of an agent that somebody drains, those of its targets. */
export async function wakeLanes(parts: Pick<Parts, 'store' | 'work'>, agent: Agent, command?: string): Promise<void> {
  await Promise.all(agent.targets.map((queue) => wakeLane(parts, { agent: agent.name, queue }, command)))
}

/**
 * Wakes a lane if it holds anything: an empty one is woken by whoever puts something in. It is labelled with the command whose
 * item is its head. With `command`, only if that command's item is the head: behind another head it has to wait, and whoever
 * made that the head has woken the lane.
 */
export async function wakeLane(
  { store, work }: Pick<Parts, 'store' | 'work'>,
  lane: LaneId,
  command?: string,
): Promise<void> {
  const head = await headOf(store, lane)
  if (head === undefined || (command ?? head.value.command) !== head.value.command) return
  const { agent, queue } = lane
  await work.wake({ queue: 'deliveries', key: laneKey(lane), data: { agent, queue }, label: head.value.command })
}
