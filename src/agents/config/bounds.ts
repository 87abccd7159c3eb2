/** Whether a config leads where the server lets nobody, as far as that can be said before anything is connected. */
import { ReplicationError, type Fault } from '../../errors.ts'
import type { Bounds, Lead } from '../../endpoints/bounds/bounds.ts'
import type { EndpointKind } from '../../endpoints/endpoint.ts'
import { pointerToken } from '../../resources/schema.ts'
import type { AgentConfig, EndpointConfig } from './config.ts'
import { optionsOf } from './endpoint-config.ts'
import { secretsOfHook } from './hooks.ts'
import { memberAt } from './member.ts'
import { demandNameable } from './secret.ts'

interface Site {
  /** Where it is in the config. */
  readonly pointer: string
  readonly endpoint: EndpointConfig
}

/** What a config names outside of itself: `secret` is a variable or a file. */
type Named = Lead | { readonly at: string; readonly secret: object }

export async function boundsFaults(
  { hooks = [] }: AgentConfig,
  sites: readonly Site[],
  kinds: readonly EndpointKind[],
  bounds: Bounds,
): Promise<Fault[]> {
  const named = [
    ...sites.flatMap(({ pointer, endpoint }) => under(pointer, namedBy(endpoint, kinds))),
    ...hooks.flatMap((hook, i) =>
      under(`/hooks/${i}`, [{ at: '/url', url: hook.url }, ...secretsAt(hook, secretsOfHook(hook))]),
    ),
  ]
  const faults: Fault[] = []
  for (const one of named) {
    const message = await refusalOf(one, bounds)
    if (message !== undefined) faults.push({ pointer: one.at, message })
  }
  return faults
}

function namedBy(endpoint: EndpointConfig, kinds: readonly EndpointKind[]): readonly Named[] {
  const kind = kinds.find(({ name }) => name === endpoint.kind)
  if (kind === undefined) return []
  return [...(kind.leads?.(optionsOf(endpoint, kind)) ?? []), ...secretsAt(endpoint, kind.secrets ?? [])]
}

function secretsAt(within: object, ways: readonly string[]): Named[] {
  return ways.flatMap((way) => {
    const secret = memberAt(within, way)
    const at = way.split('/').map((name) => `/${pointerToken(name)}`)
    return typeof secret === 'object' && secret !== null ? [{ at: at.join(''), secret }] : []
  })
}

function under(pointer: string, named: readonly Named[]): Named[] {
  return named.map((one) => ({ ...one, at: pointer + one.at }))
}

/** Why it may not be named; undefined when it may. */
export async function refusalOf(named: Named, { hosts, paths, secrets }: Bounds): Promise<string | undefined> {
  try {
    if ('url' in named) await hosts.demand(new URL(named.url).hostname)
    else if ('path' in named) await paths.demand(named.path)
    else await demandNameable(named.secret, secrets)
    return undefined
  } catch (error) {
    if (!(error instanceof ReplicationError) || !['forbidden', 'invalid'].includes(error.code)) throw error
    return error.message
  }
}
