import { ReplicationError, type Fault } from '../../errors.ts'
import { overlap } from '../../endpoints/apart.ts'
import type { Bounds } from '../../endpoints/bounds/bounds.ts'
import type { EndpointKind } from '../../endpoints/endpoint.ts'
import { checkerOf, maxFaults } from '../../resources/schema.ts'
import { bandwidthFaults, type Bandwidth } from './bandwidth.ts'
import { boundsFaults } from './bounds.ts'
import { looseConfigSchema, queuesOf, reservedNames, type AgentConfig, type EndpointConfig } from './config.ts'
import { endpointSchema, kindsFor, optionsOf, type Role } from './endpoint-config.ts'
import { hookFaults } from './hooks.ts'
import { keepSecrets } from './secrets.ts'
import { triggerFaults } from '../triggers/faults.ts'

export type Parsed = { readonly config: AgentConfig } | { readonly faults: readonly Fault[] }

interface Site {
  readonly role: Role
  readonly pointer: string
  readonly endpoint: Record<string, unknown> & EndpointConfig
  readonly stored: EndpointConfig | undefined
}

/**
 * The door for every config: answers it complete, with its defaults, or all that is wrong with it, each fault with a
 * JSON Pointer into the input; beyond `bounds` nothing may lead. `stored` is what the agent has now, for the secrets that the input leaves as they are.
 * Asks each endpoint where it is, so it may look at disks; the input is not changed.
 */
export async function parseAgentConfig(
  input: unknown,
  kinds: readonly EndpointKind[],
  stored?: AgentConfig,
  bounds?: Bounds,
): Promise<Parsed> {
  const draft = structuredClone(input)
  const misshapen = checkerOf(looseConfigSchema)(draft)
  if (misshapen.length > 0) return { faults: misshapen }
  const config = draft as AgentConfig
  nameTheOnlyTarget(config)
  const sites = sitesOf(config, stored)
  const faults = [
    ...sites.flatMap((site) => endpointFaults(site, kinds)),
    ...ruleFaults(config),
    ...triggerFaults(config, kinds),
    ...hookFaults(config.hooks ?? [], stored?.hooks ?? []),
  ]
  if (faults.length > 0) return { faults: faults.slice(0, maxFaults) }
  const outside = bounds === undefined ? [] : await boundsFaults(config, sites, kinds, bounds)
  if (outside.length > 0) return { faults: outside.slice(0, maxFaults) }
  const overlaps = await overlapFaults(sites, kinds)
  return overlaps.length > 0 ? { faults: overlaps } : { config }
}

function nameTheOnlyTarget({ targets }: AgentConfig): void {
  const [only] = targets
  if (only !== undefined && targets.length === 1) targets[0] = { ...only, name: only.name ?? 'default' }
}

function sitesOf(config: AgentConfig, stored: AgentConfig | undefined): Site[] {
  const targets = config.targets.map((endpoint, i): Site => {
    const same = stored?.targets.find(({ name }) => name === endpoint.name)
    return { role: 'target', pointer: `/targets/${i}`, endpoint, stored: same }
  })
  if (config.source === undefined) return targets
  return [{ role: 'source', pointer: '/source', endpoint: config.source, stored: stored?.source }, ...targets]
}

function endpointFaults({ role, pointer, endpoint, stored }: Site, kinds: readonly EndpointKind[]): Fault[] {
  const able = kindsFor(role, kinds)
  const kind = able.find(({ name }) => name === endpoint.kind)
  if (kind === undefined) {
    const exists = kinds.some(({ name }) => name === endpoint.kind)
    const problem = exists ? `cannot be a ${role}` : 'is not known'
    const known = able.map(({ name }) => name).join(', ')
    return [
      {
        pointer: `${pointer}/kind`,
        message: `${JSON.stringify(endpoint.kind)} ${problem}; a ${role} can be: ${known}`,
      },
    ]
  }
  if (endpoint['bandwidth'] !== undefined && (role !== 'target' || kind.sends !== true)) {
    const able = kinds.flatMap(({ name, sends }) => (sends === true ? [name] : []))
    const message = `is possible for targets to which packages are sent: ${able.join(', ')}`
    return [{ pointer: `${pointer}/bandwidth`, message }]
  }
  const misshapen = checkerOf(endpointSchema(kind, role))(endpoint)
  const faults = misshapen.length > 0 ? misshapen : bandwidthFaults(endpoint['bandwidth'] as Bandwidth | undefined)
  if (faults.length > 0) return faults.map((fault) => ({ ...fault, pointer: pointer + fault.pointer }))
  return keepSecrets(endpoint, stored, kind, pointer)
}

/** What no schema can say. */
function ruleFaults(config: AgentConfig): Fault[] {
  const faults: Fault[] = []
  if (reservedNames.includes(config.name))
    faults.push({
      pointer: '/name',
      message: `must not be ${reservedNames.join(' or ')}: these words have a meaning of their own`,
    })
  faults.push(...queueNameFaults(config))
  const { atLeast, require: keys } = config.import ?? { require: [] }
  if (atLeast !== undefined && atLeast > keys.length)
    faults.push({ pointer: '/import/atLeast', message: `must not be more than the ${keys.length} keys that it names` })
  const { backoff } = config.queue
  if (backoff.maxMs < backoff.initialMs)
    faults.push({
      pointer: '/queue/backoff/maxMs',
      message: `must not be less than initialMs, which is ${backoff.initialMs}`,
    })
  return faults
}

function queueNameFaults(config: AgentConfig): Fault[] {
  const faults: Fault[] = []
  const seen = new Set<string>()
  const pointers = [
    ...config.targets.map((_, i) => `/targets/${i}/name`),
    ...config.passive.map((_, i) => `/passive/${i}`),
  ]
  for (const [i, name] of (queuesOf(config) as (string | undefined)[]).entries()) {
    const pointer = pointers[i] ?? ''
    if (name === undefined) {
      faults.push({ pointer, message: 'is required where there is more than one target' })
      continue
    }
    if (name.startsWith('error-'))
      faults.push({ pointer, message: 'must not begin with error-: so are the error queues called' })
    if (seen.has(name))
      faults.push({ pointer, message: `${JSON.stringify(name)} is the name of another queue of this agent` })
    seen.add(name)
  }
  return faults
}

async function overlapFaults(sites: readonly Site[], kinds: readonly EndpointKind[]): Promise<Fault[]> {
  const faults: Fault[] = []
  const placed: { site: Site; place: readonly string[] }[] = []
  for (const site of sites) {
    const place = await placeOf(site, kinds)
    if ('fault' in place) {
      faults.push(place.fault)
      continue
    }
    const other = placed.find((earlier) => overlap(earlier.place, place.place))
    if (other !== undefined) faults.push({ pointer: site.pointer, message: overlapMessage(other.site) })
    placed.push({ site, place: place.place })
  }
  return faults
}

async function placeOf(
  { endpoint, pointer }: Site,
  kinds: readonly EndpointKind[],
): Promise<{ place: readonly string[] } | { fault: Fault }> {
  const kind = kinds.find(({ name }) => name === endpoint.kind)
  if (kind === undefined) throw new Error(`no kind ${endpoint.kind}`)
  try {
    return { place: await kind.place(optionsOf(endpoint, kind)) }
  } catch (error) {
    if (!(error instanceof ReplicationError) || error.code !== 'invalid') throw error
    return { fault: { pointer, message: error.message } }
  }
}

function overlapMessage({ role, endpoint }: Site): string {
  return role === 'source'
    ? 'overlaps the source: this agent would replicate into itself'
    : `overlaps the target ${JSON.stringify(endpoint['name'])}: each would overwrite what the other wrote`
}
