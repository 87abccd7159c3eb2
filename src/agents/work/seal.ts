import type { PackageId } from '../../packages/manifest.ts'
import { importObjection } from '../commands/import-policy.ts'
import { packageKey, type Command, type PackageRecord } from '../commands/records.ts'
import type { Parts } from '../parts.ts'
import type { Agent } from '../roster.ts'

type Kept = Pick<Parts, 'store' | 'packages'>

/** Throws `forbidden` when the agent does not take this package, by what its config says now. */
export async function admitImport(parts: Kept, { config }: Agent, { kind }: Command, whole: PackageId): Promise<void> {
  if (kind !== 'import' || config.import === undefined) return
  const objection = importObjection(config, { id: whole, signatures: await parts.packages.signatures(whole) })
  if (objection !== undefined) throw objection
}

/**
 * Before another server gets the package `given`, which is `whole` or one of its parts: signs it with this server's keys. What was
 * made here always (it may be older than the key); what was imported only where the agent demands signatures and has found them, for
 * else everybody who may import would get ours.
 */
export async function sealForOthers(
  parts: Kept,
  agent: Agent,
  command: Command,
  { whole, given }: { readonly whole: PackageId; readonly given: PackageId },
): Promise<void> {
  if (command.kind === 'import') {
    if (agent.config.import === undefined) return
    await admitImport(parts, agent, command, whole)
  } else if ((await parts.store.get<PackageRecord>(packageKey(given)))?.value.agent === undefined) return
  await parts.packages.sign(given)
}
