import { overlap } from '../../endpoints/apart.ts'
import type { EndpointKind } from '../../endpoints/endpoint.ts'
import type { Fault } from '../../errors.ts'
import type { AgentConfig, EndpointConfig } from '../config/config.ts'
import { optionsOf } from '../config/endpoint-config.ts'

/** Whether somebody else's delivery can make this agent fire. */
export function isTied({ triggers }: AgentConfig): boolean {
  return triggers.some(({ kind }) => kind === 'after' || kind === 'watch')
}

interface Ties {
  readonly after: ReadonlyMap<string, number>
  /** The place that it watches, with the number of the trigger. */
  readonly watched?: { readonly place: readonly string[]; readonly trigger: number }
  readonly delivers: readonly (readonly string[])[]
}

/**
 * The loop that the agent would close, if it does: each agent of a loop follows the one before (`after`), or watches where
 * that one delivers. What goes round by way of another server is not seen. Agents that the author does not see are not named.
 */
export async function loopFault(
  config: AgentConfig,
  others: AsyncIterable<AgentConfig>,
  kinds: readonly EndpointKind[],
  sees: (agent: string) => boolean = () => true,
): Promise<Fault | undefined> {
  if (!isTied(config)) return undefined
  const all = new Map<string, Ties>([[config.name, await tiesOf(config, kinds)]])
  for await (const other of others) if (other.name !== config.name) all.set(other.name, await tiesOf(other, kinds))

  // Backwards from this agent: who makes it fire, who makes those fire, and so on, until it is this agent again.
  const waiting: { name: string; chain: readonly string[]; trigger: number | undefined }[] = [
    { name: config.name, chain: [config.name], trigger: undefined },
  ]
  const seen = new Set<string>()
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
    for (const [before, trigger] of causesOf(next.name, all)) {
      const chain = [before, ...next.chain]
      const first = next.trigger ?? trigger
      if (before === config.name) {
        const round = chain.map((name) => (name === config.name || sees(name) ? name : '(another agent)')).join(' -> ')
        return {
          pointer: `/triggers/${first}`,
          message: `would go round for ever: ${round}, each firing when the one before it has delivered`,
        }
      }
      if (seen.has(before)) continue
      seen.add(before)
      waiting.push({ name: before, chain, trigger: first })
    }
  return undefined
}

/** Whose deliveries make it fire, each with the number of the trigger. */
function* causesOf(name: string, all: ReadonlyMap<string, Ties>): Generator<readonly [string, number]> {
  const ties = all.get(name)
  if (ties === undefined) return
  yield* ties.after
  const { watched } = ties
  if (watched === undefined) return
  for (const [other, { delivers }] of all)
    if (delivers.some((place) => overlap(place, watched.place))) yield [other, watched.trigger]
}

async function tiesOf(config: AgentConfig, kinds: readonly EndpointKind[]): Promise<Ties> {
  const after = new Map<string, number>()
  let watched: Ties['watched']
  for (const [i, trigger] of config.triggers.entries()) {
    if (trigger.kind === 'after') after.set(trigger.agent, i)
    const place = trigger.kind === 'watch' && config.source ? await placeOf(config.source, kinds) : undefined
    if (place !== undefined) watched = { place, trigger: i }
  }
  // Only who fires by itself can be part of a loop.
  const targets = isTied(config) ? config.targets : []
  const places = await Promise.all(targets.map((target) => placeOf(target, kinds)))
  return {
    after,
    ...(watched !== undefined && { watched }),
    delivers: places.filter((place) => place !== undefined),
  }
}

async function placeOf(
  endpoint: EndpointConfig,
  kinds: readonly EndpointKind[],
): Promise<readonly string[] | undefined> {
  const kind = kinds.find(({ name }) => name === endpoint.kind)
  // Nobody watches what lies in no folder of this machine.
  if (kind?.watch === undefined) return undefined
  // Another agent's place may have become impossible since; that is for whoever changes it.
  return kind.place(optionsOf(endpoint, kind)).catch(() => undefined)
}
