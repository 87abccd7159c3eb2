import { ReplicationError } from '../../errors.ts'
import type { Copied, EndpointKind } from '../../endpoints/endpoint.ts'
import { refusalOf } from '../config/bounds.ts'
import { targetOf } from '../comparisons/compare.ts'
import { eventWrites } from '../events/events.ts'
import type { Parts } from '../parts.ts'
import { resolve, type Agent } from '../roster.ts'

/** What a new version is asked for. */
export interface VersionRequest {
  /** Where it is to be: relative to what is copied, or absolute. */
  readonly path: string
  readonly of: 'source' | 'target'
  /** May be absent when there is only one. */
  readonly target?: string
  readonly version?: string
  readonly actor: string
}

export interface Version extends Copied {
  readonly path: string
  readonly version?: string
}

/**
 * Copies the definition of an agent's source, or of one of its targets, to a new place, and leaves the old one alone. Throws
 * `conflict` where the endpoint is no single document, or something is at the new place; `invalid`, `missing`, `unavailable`.
 */
export async function makeVersion(
  parts: Pick<Parts, 'store' | 'log' | 'installation' | 'bounds'>,
  kinds: readonly EndpointKind[],
  agent: Agent,
  request: VersionRequest,
  signal: AbortSignal,
): Promise<Version> {
  const { of, version, actor } = request
  const target = of === 'target' ? targetOf(agent, request.target) : undefined
  if (target === undefined && request.target !== undefined)
    throw new ReplicationError('invalid', 'a target is named, and the source is to be copied: say "of": "target"')
  const endpoint = target === undefined ? agent.config.source : agent.config.targets.find(({ name }) => name === target)
  const which = target === undefined ? 'the source' : `target ${target}`
  if (endpoint === undefined) throw new ReplicationError('conflict', `agent ${agent.name} has no source`)
  const { kind, options } = await resolve(endpoint, kinds, parts.bounds)
  if (kind.copyTo === undefined)
    throw new ReplicationError(
      'conflict',
      `${which} of agent ${agent.name} is of kind ${kind.name}, which is no single document that could be copied`,
    )
  const plan = kind.copyTo(options, request.path)
  if (parts.bounds !== undefined)
    for (const lead of kind.leads?.(plan.options) ?? []) {
      const refusal = await refusalOf(lead, parts.bounds)
      if (refusal !== undefined) throw new ReplicationError('invalid', refusal)
    }
  const { digest, bytes } = await plan.make(version, { installation: parts.installation, bounds: parts.bounds }, signal)
  const made: Version = {
    path: plan.place,
    ...(version !== undefined && { version }),
    ...{ digest: `sha256-${digest}`, bytes },
  }
  const facts = { agent: agent.name, actor, ...(target !== undefined && { target }) }
  const at = new Date().toISOString()
  await parts.store.commit({ writes: eventWrites({ type: 'version.created', at, ...facts, data: { of, ...made } }) })
  return made
}
