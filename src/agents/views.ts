import { configurationFaults } from '../errors.ts'
import { isPaused } from '../queues/lanes.ts'
import type { Store } from '../state/store.ts'
import { totalKey, type Command } from './commands/records.ts'
import { lastCommand } from './commands/views.ts'
import { driftsOf, type DriftRecord } from './comparisons/drift.ts'
import { queuesOf, type QueueSummary } from './queues/views.ts'
import { pullFailureKey, type PullFailure } from './work/pulling.ts'
import type { Agent } from './roster.ts'
import { deliveredKeys } from './throughput.ts'
import { viewTriggers, type TriggerView } from './triggers/views.ts'

export type AgentState = 'disabled' | 'failed' | 'paused' | 'blocked' | 'retrying' | 'running' | 'idle'

export interface AgentSummary {
  readonly name: string
  readonly enabled: boolean
  readonly state: AgentState
  /** Why, when it is `failed` or `blocked`. */
  readonly reason?: string
  readonly queues: readonly QueueSummary[]
  readonly lastCommand?: Pick<Command, 'id' | 'kind' | 'action' | 'state' | 'createdAt' | 'finishedAt'>
  /** How its targets stood when they were last compared as a whole. */
  readonly drift: readonly (DriftRecord & { readonly target: string })[]
  /** In the order of its config. */
  readonly triggers: readonly TriggerView[]
  readonly counters: Readonly<Record<'commands' | 'delivered' | 'failedAttempts', number>>
  /** How much was delivered in each of the last 12 hours, oldest first, with the one that is not over yet. */
  readonly throughput: readonly number[]
}

export async function viewAgent(store: Store, agent: Agent): Promise<AgentSummary> {
  const queues = await queuesOf(store, agent)
  const last = await lastCommand(store, agent.name)
  const totals = await store.getAll<number>([
    totalKey(agent.name, 'commands'),
    totalKey(agent.name, 'delivered'),
    totalKey(agent.name, 'failedAttempts'),
    ...deliveredKeys(agent.name),
  ])
  const [commands = 0, delivered = 0, failedAttempts = 0, ...throughput] = totals.map((total) => total?.value ?? 0)
  const { state, reason } = await agentState(store, agent, queues)
  return {
    ...{ name: agent.name, enabled: agent.config.enabled, state },
    ...(reason !== undefined && { reason }),
    queues,
    ...(last !== undefined && { lastCommand: lastView(last) }),
    drift: (await driftsOf(store, agent.name, agent.targets)).flatMap((drift, i) =>
      drift === undefined ? [] : [{ target: agent.targets[i] ?? '', ...drift }],
    ),
    triggers: await viewTriggers(store, agent),
    counters: { commands, delivered, failedAttempts },
    throughput,
  }
}

function lastView({
  id,
  kind,
  action,
  state,
  createdAt,
  finishedAt,
}: Command): NonNullable<AgentSummary['lastCommand']> {
  return { id, kind, action, state, createdAt, ...(finishedAt !== undefined && { finishedAt }) }
}

async function agentState(
  store: Store,
  agent: Agent,
  queues: readonly QueueSummary[],
): Promise<{ state: AgentState; reason?: string }> {
  if (!agent.config.enabled) return { state: 'disabled' }
  if (agent.fault !== undefined) return { state: 'failed', reason: agent.fault }
  for (const { name, blockedBy } of queues)
    if (blockedBy !== undefined && configurationFaults.has(blockedBy.error.code))
      return { state: 'failed', reason: `${name}: ${blockedBy.error.detail}` }
  const pull = agent.puller && (await store.get<PullFailure>(pullFailureKey(agent.name)))?.value.error
  const reason = pull && `source: ${pull.detail}`
  if (pull && configurationFaults.has(pull.code)) return { state: 'failed', ...(reason !== undefined && { reason }) }
  if (await isPaused(store, agent.name)) return { state: 'paused' }
  for (const state of ['blocked', 'retrying', 'running'] as const) {
    const queue = queues.find((one) => one.state === state)
    if (queue === undefined) continue
    const reason = queue.blockedBy && `${queue.name}: ${queue.blockedBy.error.detail}`
    return { state, ...(reason !== undefined && { reason }) }
  }
  return reason === undefined ? { state: 'idle' } : { state: 'retrying', reason }
}
