import assert from 'node:assert/strict'
import { viewCommand, type TargetView } from '../../../src/agents/commands/views.ts'
import { eventsLog, type ReplicationEvent } from '../../../src/agents/events/events.ts'
import { listItems } from '../../../src/agents/queues/items.ts'
import { queueOf, type QueueSummary } from '../../../src/agents/queues/views.ts'
import { below } from '../../../src/state/store.ts'
import type { Given } from '../given-engine.ts'

/** What a queue shows of its items, in order: id, state, attempts. `queue` is its whole name. */
export async function itemsIn(given: Given, agent: string, queue: string): Promise<[string, string, number][]> {
  const found = await given.parts.roster.get(agent)
  const seen: [string, string, number][] = []
  let after: string | undefined
  do {
    const page = await listItems(given.parts.store, found, queue, { limit: 100, ...(after !== undefined && { after }) })
    seen.push(...page.items.map(({ id, state, attempts }): [string, string, number] => [id, state, attempts]))
    after = page.next
  } while (after !== undefined)
  return seen
}

export async function idsIn(given: Given, agent: string, queue: string): Promise<string[]> {
  return (await itemsIn(given, agent, queue)).map(([id]) => id)
}

export async function summaryOf(given: Given, agent: string, queue: string): Promise<QueueSummary> {
  return queueOf(given.parts.store, await given.parts.roster.get(agent), queue)
}

/** How a command's delivery to a target stands, by the target's whole name. */
export async function targetOf(given: Given, { id }: { id: string }, queue: string): Promise<TargetView> {
  const { agents } = await viewCommand(given.parts.store, id)
  const found = agents.flatMap(({ targets }) => targets).find(({ target }) => target === queue)
  assert.ok(found, `command ${id} has no target ${queue}`)
  return found
}

export async function stateOf(given: Given, { id }: { id: string }): Promise<string> {
  return (await viewCommand(given.parts.store, id)).state
}

/** The newest events of a command, oldest first. */
export async function eventsOf(given: Given, { id }: { id: string }): Promise<ReplicationEvent[]> {
  const page = { ...below(`${eventsLog}/`), reverse: true, limit: 1000 }
  const newest = await given.parts.store.range<ReplicationEvent>(page)
  return newest
    .map(({ value }) => value)
    .filter(({ command }) => command === id)
    .toReversed()
}

/** Lets a lane hand its head to its target, which holds it until it may `proceed`. */
export async function inDelivery(
  given: Given,
  agent: string,
  target: string,
): Promise<{ readonly delivery: ReturnType<Given['deliver']>; readonly proceed: () => void }> {
  let begun = (): void => undefined
  let proceed = (): void => undefined
  const started = new Promise<void>((resolve) => (begun = resolve))
  const gate = new Promise<void>((resolve) => (proceed = resolve))
  given.gate(target, async () => {
    begun()
    await gate
  })
  const delivery = given.deliver(agent, target)
  await started
  return { delivery, proceed: () => proceed() }
}
