import type { Fault } from '../../errors.ts'
import type { EndpointKind } from '../../endpoints/endpoint.ts'
import { keepSecret } from '../../known-secrets.ts'
import type { AgentConfig, EndpointConfig } from './config.ts'
import { secretsOfHook, type Hook } from './hooks.ts'
import { memberAt, withMemberAt } from './member.ts'
import { isPlaceholder, isPlain, lookUp, placeholder, refuseLocked, type Known } from './secret.ts'

/** Where a secret of a config stands, or could stand. */
export interface SecretPlace {
  /** A JSON Pointer into the config. */
  readonly pointer: string
  /** What it was given for: the agent, its endpoint or hook, where that sends it, and the option. */
  readonly belongsTo: string
  /** Whether it is one for sure: of a kind that this server does not have anything might be. */
  readonly isSure: boolean
}

/** The config with what `change` makes of each of its secrets, plain, named, encrypted or hidden. */
export function withEachSecret(
  config: AgentConfig,
  kinds: readonly EndpointKind[],
  change: (secret: unknown, place: SecretPlace) => unknown,
): AgentConfig {
  const changed = <T extends object>(one: T, ways: readonly string[], place: (way: string) => SecretPlace): T =>
    ways.reduce<T>((made, way) => {
      const secret = memberAt(made, way)
      return secret === undefined ? made : withMemberAt(made, way, change(secret, place(way)))
    }, one)
  const endpoint = <E extends EndpointConfig>(one: E, pointer: string): E => {
    const kind = kinds.find(({ name }) => name === one.kind)
    // An endpoint whose kind this server no longer has may have a secret anywhere.
    const ways =
      kind === undefined
        ? Object.keys(one).filter((name) => !['kind', 'name', 'bandwidth'].includes(name))
        : kind.secrets
    const to = reachOf(kind).map((name) => one[name] ?? null)
    return changed(one, ways ?? [], (way) => ({
      ...{ pointer: `${pointer}/${way}`, isSure: kind !== undefined },
      belongsTo: JSON.stringify([
        config.name,
        pointer === '/source' ? 'source' : 'target',
        one['name'] ?? null,
        one.kind,
        to,
        way,
      ]),
    }))
  }
  const hook = (one: Hook, i: number): Hook =>
    changed(one, secretsOfHook(one), (way) => ({
      ...{ pointer: `/hooks/${i}/${way}`, isSure: true },
      belongsTo: JSON.stringify([config.name, 'hook', one.url, way]),
    }))
  return {
    ...config,
    ...(config.source === undefined ? {} : { source: endpoint(config.source, '/source') }),
    targets: config.targets.map((one, i) => endpoint(one, `/targets/${i}`)),
    ...(config.hooks === undefined ? {} : { hooks: config.hooks.map(hook) }),
  }
}

/** The config as callers may see it: plain secrets are replaced, named ones stay, being names. */
export function redacted(config: AgentConfig, kinds: readonly EndpointKind[]): AgentConfig {
  return withEachSecret(config, kinds, (secret) => (isPlain(secret) ? placeholder : secret))
}

/** Options that say who gets the secrets of an endpoint. */
function reachOf(kind: EndpointKind | undefined): readonly string[] {
  return kind?.reach ?? ['url']
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
  const moved = reachOf(kind).find((name) => JSON.stringify(draft[name]) !== JSON.stringify(stored?.[name]))
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
  known: Known,
): Promise<Record<string, unknown>> {
  let resolved: Record<string, unknown> = { ...options }
  for (const way of kind.secrets ?? []) {
    const value = memberAt(options, way)
    refuseLocked(value, way)
    if (typeof value === 'object' && value !== null) resolved = withMemberAt(resolved, way, await lookUp(value, known))
    const secret = memberAt(resolved, way)
    if (typeof secret === 'string') keepSecret(secret)
  }
  return resolved
}
