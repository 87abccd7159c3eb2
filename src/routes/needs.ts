import type { FastifyRequest } from 'fastify'
import { comparisonOf } from '../agents/comparisons/apply.ts'
import { agentsOf, commandOf } from '../agents/commands/command.ts'
import { agentsOfPackage } from '../agents/package-owners.ts'
import { packageOf } from '../agents/packages.ts'
import type { Caller, Right } from '../access/rights.ts'
import type { RouteParts } from './parts.ts'

/**
 * What a caller needs for a route, beside the route: `config: { needs: 'operate' }`. A right is needed for the agent that the
 * address names, or for all agents of the command, comparison or package that it names (to read it: for one of them), and where it
 * names nothing for some agent; the handler then acts only on those. Who can see none of them is told that there is nothing.
 *
 *     somebody   any credential        nothing   none, though there are credentials
 *     health     none, unless PROTECT_HEALTH      metrics   none, unless PROTECT_METRICS: then `read` for all agents
 */
export type Need = Right | 'somebody' | 'nothing' | 'health' | 'metrics'

declare module 'fastify' {
  interface FastifyContextConfig {
    needs?: Need
    /** Changes nothing, though it is no GET: the audit leaves it out. */
    looks?: true
    /** Stays open for as long as its reader likes, and is counted elsewhere. */
    streams?: true
  }
  interface FastifyRequest {
    /** Who asks; whoever has not been asked who he is, is nobody. */
    caller: Caller
    /** The agents that the address names, itself or by what it names. */
    subjects: readonly string[]
    /** It is in the audit already, in the batch of its effect. */
    isAudited: boolean
  }
}

type Finder = (parts: Pick<RouteParts, 'store'>, id: string) => Promise<readonly string[]>

/** The agents that an address is about, by how its route begins below the prefix. */
const finders: readonly (readonly [RegExp, string, Finder])[] = [
  [/\/(?:agent|config)\/:name(?:\/|$)/, 'name', async (_, name) => [name]],
  [/\/commands\/:id(?:\/|$)/, 'id', async (parts, id) => agentsOf(await commandOf(parts, id))],
  [/\/comparisons\/:id(?:\/|$)/, 'id', async (parts, id) => [(await comparisonOf(parts, id)).agent]],
  [/\/packages\/:id(?:\/|$)/, 'id', async (parts, id) => agentsOfPackage(await packageOf(parts, id))],
]

/** The agents that the request is about; undefined where its address names none. Throws `missing`. */
export async function subjectsOf(
  parts: Pick<RouteParts, 'store'>,
  request: FastifyRequest,
): Promise<readonly string[] | undefined> {
  const { url } = request.routeOptions
  const found = finders.find(([form]) => form.test(url ?? ''))
  if (found === undefined) return undefined
  const [, param, find] = found
  return find(parts, (request.params as Record<string, string>)[param] ?? '')
}

/** The predicate by which lists leave out what the caller may not see. */
export function seenBy({ caller }: FastifyRequest): (agent: string) => boolean {
  return (agent) => caller.sees(agent)
}
