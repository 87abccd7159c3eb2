/** Mirrors in several parts: what they remove is known from all of them together, which not every target can be told. */
import { ReplicationError } from '../../errors.ts'
import type { Agent } from '../roster.ts'
import type { PackageRecord } from './records.ts'

/** Whether all of these queues of the agent's take them. What lies in a passive queue is applied by others, part by part. */
export function takesMirrorsInParts(agent: Agent, queues: readonly string[]): boolean {
  return (
    queues.length > 0 &&
    queues.every((name) => agent.targets.includes(name) && targetOf(agent, name)?.mirrors !== undefined)
  )
}

function targetOf(agent: Agent, name: string): ReturnType<Agent['target']> | undefined {
  try {
    return agent.target(name)
  } catch {
    // What is wrong with it is said when it is delivered to.
    return undefined
  }
}

/** Why an agent cannot import this package to these queues. */
export function mirrorObjection(
  agent: Agent,
  pkg: PackageRecord | undefined,
  queues: readonly string[],
): ReplicationError | undefined {
  if (pkg?.mode !== 'mirror' || pkg.parts === undefined || takesMirrorsInParts(agent, queues)) return undefined
  return new ReplicationError(
    'conflict',
    `agent ${agent.name} has a queue that takes no mirror in several parts; send it as one package`,
  )
}
