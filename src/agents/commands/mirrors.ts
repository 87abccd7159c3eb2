/** Mirrors in several parts: what they remove is known from all of them together, which not every target can be told. */
import { ReplicationError } from '../../errors.ts'
import type { Agent } from '../roster.ts'
import type { PackageRecord } from './records.ts'

/** Through so many other servers, one behind the other, a mirror is passed on in parts. */
export const mostServers = 5

/**
 * Whether all of these queues of the agent's take them at present; so many servers behind this one may be asked. What lies in a passive queue is
 * applied by others, part by part.
 */
export async function takesMirrorsInParts(
  agent: Agent,
  queues: readonly string[],
  further: number,
  signal: AbortSignal,
): Promise<boolean> {
  if (!mayTakeThem(agent, queues)) return false
  for (const name of queues) {
    const taken = targetOf(agent, name)?.mirrors?.taken
    if (taken !== undefined && (further === 0 || !(await taken(further - 1, signal)))) return false
  }
  return true
}

/** Whether its parts are brought to where the target applies them, and so may be before all are made. */
export function bringsParts(agent: Agent, target: string): boolean {
  return targetOf(agent, target)?.mirrors?.bring !== undefined
}

/** As far as it can be said without asking anybody. */
function mayTakeThem(agent: Agent, queues: readonly string[]): boolean {
  return (
    queues.length > 0 &&
    queues.every((name) => {
      const mirrors = agent.targets.includes(name) ? targetOf(agent, name)?.mirrors : undefined
      // What is made of a part on its way would not be what its index lists.
      return mirrors !== undefined && (mirrors.bring === undefined || agent.config.preserve.length === 0)
    })
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
  if (pkg?.mode !== 'mirror' || pkg.parts === undefined || mayTakeThem(agent, queues)) return undefined
  return new ReplicationError(
    'conflict',
    `agent ${agent.name} has a queue that takes no mirror in several parts; send it as one package`,
  )
}
