import { ReplicationError } from '../../errors.ts'
import type { PackageId } from '../../packages/manifest.ts'
import type { JudgedSignature } from '../../packages/signatures.ts'
import type { AgentConfig } from '../config/config.ts'

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

const why = {
  invalid: 'not valid',
  unknown: 'unknown here: TRUSTED_KEYS does not have it',
} as const
