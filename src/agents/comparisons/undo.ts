import { Readable } from 'node:stream'
import { BaseChanges, takePackage, type BaseRow } from '../../compare/ancestor.ts'
import { Ordered } from '../../compare/ordered.ts'
import { packageSide, type Side } from '../../compare/sides.ts'
import { ReplicationError } from '../../errors.ts'
import { openPackage } from '../../packages/read.ts'
import { stillHeld } from '../../queues/lanes.ts'
import type { ResourcePath } from '../../resources/path.ts'
import type { Change, Resource } from '../../resources/resource.ts'
import {
  entryKey,
  packageKey,
  packageRecord,
  packageUsesKey,
  rememberPackage,
  type Command,
  type HistoryEntry,
} from '../commands/records.ts'
import { packageOf } from '../packages.ts'
import type { Parts } from '../parts.ts'
import type { Begun } from '../work/begin.ts'
import { applicationOf, comparisonOf, moved, sealOfTarget, writtenBy } from './apply.ts'
import { compare, sidesOf, type Instead } from './compare.ts'
import { PackageContents } from './package-contents.ts'
import { plannedRows } from './plan.ts'
import { applicationKey, type Application, type Comparison } from './records.ts'

/**
 * Before the first resource is written: the target must be as it was compared, and what it holds where something will be written is
 * kept. A try that has been here before finds that done. Throws `conflict` for good when the target has moved.
 */
export async function keepReplaced(
  parts: Parts,
  { agent, progress, lane, epoch }: Begun,
  signal: AbortSignal,
): Promise<void> {
  const { command } = progress
  const application = await applicationOf(parts, command.id)
  if (application.undo !== undefined) return
  const comparison = await comparisonOf(parts, application.comparison)
  if ((await sealOfTarget(parts, agent, comparison, signal)) !== comparison.targetDigest) {
    const { message } = moved('target')
    throw new ReplicationError('conflict', message, { final: true })
  }
  const { target } = sidesOf(agent, comparison.target)
  const origin = {
    ...{ installation: parts.installation, agent: agent.name, command: command.id, actor: command.actor },
    createdAt: new Date().toISOString(),
  }
  const header = { format: 1, action: 'add', mode: 'update', roots: comparison.paths } as const
  const made = await parts.packages.write(header, replacedBy(parts, application, target, signal), origin, signal)
  const record = packageRecord(made, { agent: agent.name, command: command.id })
  for (;;) {
    const known = await parts.store.get(packageKey(made.id))
    const result = await parts.store.commit({
      checks: [{ key: packageKey(made.id), version: known?.version ?? null }, ...stillHeld(lane, epoch)],
      writes: [
        ...(known === undefined ? rememberPackage(record) : []),
        { add: packageUsesKey(made.id), amount: 1 },
        { put: applicationKey(command.id), value: { ...application, undo: made.id } satisfies Application },
      ],
    })
    if (result.ok) return
    if (result.failed !== packageKey(made.id))
      throw new ReplicationError('conflict', 'the lane was taken over', { transient: true })
  }
}

async function* replacedBy(
  parts: Parts,
  application: Application,
  target: Side,
  signal: AbortSignal,
): AsyncGenerator<Change> {
  const paths: ResourcePath[] = []
  for await (const row of plannedRows(parts, application.plan))
    if (row.write !== 'nothing' && row.target !== undefined) paths.push(row.path)
  const held = new Ordered(target.pick(paths, signal), ({ path }: Resource) => path)
  try {
    for await (const row of plannedRows(parts, application.plan)) {
      if (row.write === 'nothing') continue
      const { path } = row
      if (row.target === undefined) {
        yield { kind: 'delete', path, deep: false }
        continue
      }
      const resource = await held.at(path)
      if (resource === undefined) throw moved('target')
      yield { kind: 'put', resource }
    }
  } finally {
    await held.close()
  }
}

/**
 * A comparison whose application takes back what the command has replaced. Throws `missing`; `conflict` when the command has
 * replaced nothing that is kept, or has not ended.
 */
export async function revert(parts: Parts, command: Command, actor: string, signal: AbortSignal): Promise<Comparison> {
  if (command.application === undefined)
    throw new ReplicationError(
      'conflict',
      `command ${command.id} kept nothing of what it replaced: it applied no comparison`,
    )
  if (command.finishedAt === undefined)
    throw new ReplicationError('conflict', `command ${command.id} has not ended: cancel it, or wait`)
  const application = await applicationOf(parts, command.id)
  if (application.undo === undefined)
    throw new ReplicationError('conflict', `command ${command.id} has not written anything`)
  const { agent: name, target } = await comparisonOf(parts, application.comparison)
  const agent = await parts.roster.get(name)
  const replaced = await openPackage(await parts.packages.file((await packageOf(parts, application.undo)).id))
  const paths = await writtenBy(parts, command.id)
  const known = new Set(paths)
  const applied = await appliedBy(parts, command, name)
  const contents = new PackageContents(parts)
  try {
    const instead: Instead = {
      ...{ command: command.id, paths, source: packageSide(replaced) },
      base: {
        rows: () => Readable.from(applied),
        covers: (path) => known.has(path),
        content: (row) => contents.of(row),
      },
    }
    return await compare(parts, agent, { paths: command.paths, target, actor }, signal, instead)
  } finally {
    await Promise.all([replaced.close(), contents.close()])
  }
}

/** What the target held once the command had been applied, in path order. */
async function appliedBy(parts: Parts, { id }: Command, agent: string): Promise<BaseRow[]> {
  const entry = (await parts.store.get<HistoryEntry>(entryKey(id, agent)))?.value
  if (entry?.package === undefined) return []
  const { parts: several } = await parts.packages.describe(entry.package)
  const changes = new BaseChanges()
  for (const part of several ?? [entry.package]) {
    const pkg = await openPackage(await parts.packages.file(part))
    try {
      await takePackage(changes, pkg, undefined)
    } finally {
      await pkg.close()
    }
  }
  return changes.rows()
}
