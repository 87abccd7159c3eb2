import { ReplicationError } from '../../errors.ts'
import type { PackageId } from '../../packages/manifest.ts'
import type { JudgedSignature } from '../../packages/signatures.ts'
import type { AgentConfig } from '../config/config.ts'
import type { Agent } from '../roster.ts'

/** A package and whose signatures it has. */
export interface Sealed {
  readonly id: PackageId
  readonly signatures: readonly JudgedSignature[]
}

/** Why this agent does not take the package: signatures that its config requires are missing. Keys count once each. */
export function importObjection(
  { name, import: policy }: Pick<AgentConfig, 'name' | 'import'>,
  { id, signatures }: Sealed,
): ReplicationError | undefined {
  if (policy === undefined) return undefined
  const required = [...new Set(policy.require)]
  const needed = Math.min(policy.atLeast ?? required.length, required.length)
  const valid = new Set(signatures.filter(({ state }) => state === 'valid').map(({ key }) => key))
  const missing = required.filter((key) => !valid.has(key))
  if (required.length - missing.length >= needed) return undefined
  const has = signatures.map(({ key, state }) => (state === 'valid' ? key : `${key} (${why[state]})`))
  const demand = needed === required.length ? 'the signatures of all its keys' : `${needed} of its keys' signatures`
  return new ReplicationError(
    'forbidden',
    `agent ${name} imports what has ${demand}; package ${id} has ${has.join(', ') || 'none'}; missing: ${missing.join(', ')}`,
  )
}

/** Why it does not take a package that lacks what its targets are said to hold: what is fetched goes to anybody, and most targets take all. */
export function lackObjection(agent: Agent, { lacks }: { readonly lacks?: boolean }): ReplicationError | undefined {
  if (lacks !== true) return undefined
  // What cannot be made now will say so itself.
  const takes = (name: string): boolean => agent.fault !== undefined || agent.target(name).takesDeltas === true
  const demanding = agent.passive[0] ?? agent.targets.find((name) => !takes(name))
  return demanding === undefined
    ? undefined
    : new ReplicationError(
        'incomplete',
        `agent ${agent.name} needs all of a package for its ${demanding}, and this one lacks some; send all of it`,
        { final: true },
      )
}

const why = {
  invalid: 'not valid',
  unknown: 'unknown here: TRUSTED_KEYS does not have it',
} as const
