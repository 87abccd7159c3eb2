import type { Write } from '../state/store.ts'
import { packageKey, type PackageRecord } from './commands/records.ts'

/** The agents that have made or taken it; none where it was sent and no agent has taken it. */
export function agentsOfPackage({ agent, agents = [] }: PackageRecord): string[] {
  return [...(agent === undefined ? [] : [agent]), ...agents]
}

/** The same record, where these agents have it already. */
export function takenBy(record: PackageRecord, takers: readonly { readonly name: string }[]): PackageRecord {
  const known = agentsOfPackage(record)
  const more = takers.map(({ name }) => name).filter((name) => !known.includes(name))
  return more.length === 0 ? record : { ...record, agents: [...(record.agents ?? []), ...more] }
}

/** What makes known that these agents have it too; nothing where that is known. The batch must check its version. */
export function alsoOf(record: PackageRecord | undefined, takers: readonly { readonly name: string }[]): Write[] {
  if (record === undefined) return []
  const value = takenBy(record, takers)
  return value === record ? [] : [{ put: packageKey(record.id), value }]
}
