import type { TestStep } from '../../endpoints/endpoint.ts'
import { errorView, ReplicationError, type ErrorView } from '../../errors.ts'
import { withoutSecrets } from '../../known-secrets.ts'
import type { Entry } from '../../state/store.ts'
import { advance } from '../commands/advance.ts'
import type { Parts } from '../parts.ts'
import { deliveryKey, type Command, type Delivery } from '../commands/records.ts'
import type { Agent } from '../roster.ts'

/** Longer than any step should take: a target that hangs is a target that fails. */
const deadlineMs = 30_000

/** Whether one target can be reached and written, step by step, changing nothing. */
export async function testTarget(agent: Agent, target: string, signal: AbortSignal): Promise<TestStep[]> {
  const steps: TestStep[] = []
  const limited = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)])
  try {
    for await (const { detail, ...step } of agent.target(target).test(limited))
      steps.push({ ...step, ...(detail !== undefined && { detail: withoutSecrets(detail) }) })
  } catch (error) {
    steps.push({ step: 'start', ok: false, detail: errorView(error).detail, durationMs: 0 })
  }
  return steps
}

/** The action `test`: asks every target of the agent, passing by the queues, since they may be what is in doubt. */
export async function runTest(parts: Parts, agent: Agent, command: Command, signal: AbortSignal): Promise<void> {
  const startedAt = new Date().toISOString()
  const results = new Map<string, ErrorView | undefined>()
  await Promise.all(
    agent.targets.map(async (target) => {
      const steps = await testTarget(agent, target, signal)
      const bad = steps.find((step) => !step.ok)
      const error =
        bad &&
        new ReplicationError('rejected', `target ${target} failed at ${bad.step}: ${bad.detail ?? 'no reason given'}`)
      results.set(target, error && errorView(error))
    }),
  )
  signal.throwIfAborted()
  await advance(parts.store, command.id, agent.name, async ({ entry }) => {
    if (entry.stage !== 'preparing') return undefined
    const deliveries: { was: Entry<Delivery>; is: Delivery }[] = []
    for (const target of entry.targets) {
      const was = await parts.store.get<Delivery>(deliveryKey(command.id, agent.name, target))
      if (was === undefined) continue
      const error = results.get(target)
      const state = error === undefined ? 'delivered' : 'failed'
      const finishedAt = new Date().toISOString()
      const is: Delivery = {
        ...was.value,
        state,
        attempts: 1,
        startedAt,
        finishedAt,
        ...(error !== undefined && { error }),
      }
      deliveries.push({ was, is })
    }
    return {
      entry: { stage: 'ready' },
      deliveries,
      events: deliveries.map(({ is }) => ({
        type: is.error === undefined ? 'delivery.delivered' : 'delivery.failed',
        target: is.target,
        ...(is.error !== undefined && { data: { error: is.error } }),
      })),
    }
  })
}
