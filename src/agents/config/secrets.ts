import type { Fault } from '../../errors.ts'
import type { EndpointKind } from '../../endpoints/endpoint.ts'
import { keepSecret } from '../../known-secrets.ts'
import type { AgentConfig, EndpointConfig } from './config.ts'
import { hiddenHook } from './hooks.ts'
import { memberAt, withMemberAt } from './member.ts'
import { isPlaceholder, isPlain, lookUp, placeholder } from './secret.ts'

/** The config as callers may see it: plain secrets are replaced, named ones stay, being names. */
export function redacted(config: AgentConfig, kinds: readonly EndpointKind[]): AgentConfig {
  const shown = <E extends EndpointConfig>(endpoint: E): E => {
    const hidden = secretsOf(endpoint, kinds).filter((way) => isPlain(memberAt(endpoint, way)))
    return hidden.reduce<E>((made, way) => withMemberAt(made, way, placeholder), endpoint)
  }
  return {
    ...config,
    ...(config.source === undefined ? {} : { source: shown(config.source) }),
    targets: config.targets.map(shown),
    ...(config.hooks === undefined ? {} : { hooks: config.hooks.map(hiddenHook) }),
  }
}

/** Each by the way to it. An endpoint whose kind this server no longer has shows nothing at all of what might be secret. */
function secretsOf(endpoint: EndpointConfig, kinds: readonly EndpointKind[]): readonly string[] {
  const kind = kinds.find(({ name }) => name === endpoint.kind)
  return kind === undefined
    ? Object.keys(endpoint).filter((name) => name !== 'kind' && name !== 'name')
    : (kind.secrets ?? [])
}

/**
 * Puts the stored secrets where the draft has the placeholder, in place. A secret belongs to the address that it was
 * given for: with another `url` (or kind, or another origin that gets it) it is dropped, so that nobody can have it sent
 * elsewhere without knowing it.
 */
export function keepSecrets(
  draft: Record<string, unknown>,
  stored: EndpointConfig | undefined,
  kind: EndpointKind,
  pointer: string,
): Fault[] {
  const faults: Fault[] = []
  const required = (kind.options as { required?: readonly string[] }).required ?? []
  const moved = (kind.reach ?? ['url']).find((name) => JSON.stringify(draft[name]) !== JSON.stringify(stored?.[name]))
  for (const way of kind.secrets ?? []) {
    if (!isPlaceholder(memberAt(draft, way))) continue
    const kept = stored?.kind === kind.name ? memberAt(stored, way) : undefined
    if (kept === undefined) {
      faults.push({ pointer: `${pointer}/${way}`, message: 'no secret is stored for this endpoint; send the secret' })
    } else if (moved === undefined) {
      Object.assign(draft, withMemberAt(draft, way, kept))
    } else if (required.includes(way) || way.includes('/')) {
      // What lies in another object may be all that this says.
      faults.push({ pointer: `${pointer}/${way}`, message: `must be sent again, because ${moved} has changed` })
    } else {
      delete draft[way]
    }
  }
  return faults
}

/** The endpoint's options with its named secrets looked up: for the moment at which an endpoint is made. */
export async function withSecrets(
  options: Readonly<Record<string, unknown>>,
  kind: EndpointKind,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Record<string, unknown>> {
  let resolved: Record<string, unknown> = { ...options }
  for (const way of kind.secrets ?? []) {
    const value = memberAt(options, way)
    if (typeof value === 'object' && value !== null) resolved = withMemberAt(resolved, way, await lookUp(value, env))
    const secret = memberAt(resolved, way)
    if (typeof secret === 'string') keepSecret(secret)
  }
  return resolved
}
