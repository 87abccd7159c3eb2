import { ReplicationError } from '../../errors.ts'
import { stillHeld } from '../../queues/lanes.ts'
import type { ResourcePath } from '../../resources/path.ts'
import type { Change } from '../../resources/resource.ts'
import type { Write } from '../../state/store.ts'
import { packageKey, packageRecord, packageUsesKey, rememberPackage, type PackageRecord } from '../commands/records.ts'
import { alsoOf } from '../package-owners.ts'
import type { Parts } from '../parts.ts'
import type { Begun } from '../work/begin.ts'

interface Kept {
  readonly roots: readonly ResourcePath[]
  readonly changes: AsyncIterable<Change>
  readonly signal: AbortSignal
}

/**
 * Keeps changes as a package that somebody needs from then on, and says so in the same batch: `write` with its id. Throws `conflict`
 * when the lane was taken over meanwhile.
 */
export async function keepPackage(
  parts: Parts,
  { agent, progress: { command }, lane, epoch }: Begun,
  { roots, changes, signal }: Kept,
  write: (id: string) => Write | Promise<Write>,
): Promise<void> {
  const origin = {
    ...{ installation: parts.installation, agent: agent.name, command: command.id, actor: command.actor },
    createdAt: new Date().toISOString(),
  }
  const made = await parts.packages.write({ format: 1, action: 'add', mode: 'update', roots }, changes, origin, signal)
  const record = packageRecord(made, { agent: agent.name, command: command.id })
  const key = packageKey(made.id)
  const own = await write(made.id)
  for (;;) {
    const known = await parts.store.get<PackageRecord>(key)
    const result = await parts.store.commit({
      checks: [{ key, version: known?.version ?? null }, ...stillHeld(lane, epoch)],
      writes: [
        ...(known === undefined ? rememberPackage(record) : alsoOf(known.value, [agent])),
        { add: packageUsesKey(made.id), amount: 1 },
        own,
      ],
    })
    if (result.ok) return
    if (result.failed !== key) throw new ReplicationError('conflict', 'the lane was taken over', { transient: true })
  }
}
