/** Whether a config leads where the server lets nobody, as far as that can be said before anything is connected. */
import { ReplicationError, type Fault } from '../../errors.ts'
import type { Bounds, Lead } from '../../endpoints/bounds/bounds.ts'
import type { EndpointKind } from '../../endpoints/endpoint.ts'
import type { AgentConfig, EndpointConfig } from './config.ts'
import { optionsOf } from './endpoint-config.ts'

interface Site {
  /** Where it is in the config. */
  readonly pointer: string
  readonly endpoint: EndpointConfig
}

export async function boundsFaults(
  { hooks = [] }: AgentConfig,
  sites: readonly Site[],
  kinds: readonly EndpointKind[],
  bounds: Bounds,
): Promise<Fault[]> {
  const leads = [
    ...sites.flatMap(({ pointer, endpoint }) => leadsOf(endpoint, kinds).map((lead) => under(pointer, lead))),
    ...hooks.map(({ url }, i) => ({ at: `/hooks/${i}/url`, url })),
  ]
  const faults: Fault[] = []
  for (const { at, url } of leads) {
    const message = await refusalOf(bounds.hosts.demand(new URL(url).hostname))
    if (message !== undefined) faults.push({ pointer: at, message })
  }
  return faults
}

function leadsOf(endpoint: EndpointConfig, kinds: readonly EndpointKind[]): readonly Lead[] {
  const kind = kinds.find(({ name }) => name === endpoint.kind)
  return kind?.leads?.(optionsOf(endpoint, kind)) ?? []
}

function under(pointer: string, lead: Lead): Lead {
  return { ...lead, at: pointer + lead.at }
}

async function refusalOf(demand: Promise<unknown>): Promise<string | undefined> {
  try {
    await demand
    return undefined
  } catch (error) {
    if (!(error instanceof ReplicationError) || error.code !== 'forbidden') throw error
    return error.message
  }
}
