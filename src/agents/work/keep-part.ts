import type { PackageSummary } from '../../packages/manifest.ts'
import type { Store } from '../../state/store.ts'
import { insist, type Progress } from '../commands/advance.ts'
import { madeKey, throwAway, type MadePart, type Thrown } from '../commands/made.ts'
import {
  packageKey,
  packageRecord,
  packageUsesKey,
  rememberPackage,
  type HistoryEntry,
  type PackageRecord,
} from '../commands/records.ts'
import { editionOf, nothing, withPart } from '../commands/so-far.ts'
import { alsoOf } from '../package-owners.ts'
import type { Parts } from '../parts.ts'
import type { Agent } from '../roster.ts'

/**
 * Makes a part known that is whole on the disk while the export goes on, and lets the lanes go on with it. Where an earlier try has made
 * the same one that stays, with all that was delivered of it; where it made another, that and all behind it are thrown away. Answers
 * whether the export that `begun` tells of is still wanted.
 */
export async function keepPart(
  parts: Parts,
  { command, entry: { exports: tries } }: Progress,
  agent: Agent,
  number: number,
  part: PackageSummary,
): Promise<boolean> {
  const { store } = parts
  const { id, entries, bytes } = part
  const key = madeKey(command.id, agent.name, number)
  let isWanted = false
  const done = await insist(
    store,
    command.id,
    agent.name,
    async ({ entry }, [same, known]) => {
      isWanted = entry.stage === 'preparing' && entry.exports === tries
      if (!isWanted || (same?.value as MadePart | undefined)?.package === id) return undefined
      const thrown = await throwAway(store, entry, number - 1, tries)
      const { made = nothing, editions } = { ...entry, ...thrown?.entry }
      const edition = editionOf({ ...(editions !== undefined && { editions }) }, number)
      const value: MadePart = { package: id, entries, bytes, ...(edition !== undefined && { edition }) }
      const record = packageRecord(part, { agent: agent.name, command: command.id })
      return {
        entry: { ...thrown?.entry, made: withPart(made, part) },
        deliveries: thrown?.deliveries ?? [],
        checks: [{ key: packageKey(id), version: known?.version ?? null }, ...(thrown?.checks ?? [])],
        writes: [
          ...(thrown?.writes ?? []),
          { put: key, value },
          { add: packageUsesKey(id), amount: 1 },
          ...(known === undefined ? rememberPackage(record) : alsoOf(known.value as PackageRecord, [agent])),
        ],
      }
    },
    [key, packageKey(id)],
  )
  if (done !== undefined) await parts.wakeLanes(agent, command.id)
  return isWanted
}

/** What becomes of parts of earlier tries that are not among those that the tree has come to. */
export async function throwOthers(
  store: Store,
  entry: HistoryEntry,
  made: readonly PackageSummary[],
): Promise<Thrown | undefined> {
  if (entry.made === undefined) return undefined
  const last = made.length
  const same = await store.get<MadePart>(madeKey(entry.command, entry.agent, last))
  // Those before it were looked at when they were made.
  return throwAway(store, entry, same?.value.package === made.at(-1)?.id ? last : last - 1, entry.exports)
}
