import assert from 'node:assert/strict'
import { listCommands, listHistory, viewCommand } from '../../../src/agents/commands/views.ts'
import type { Parts } from '../../../src/agents/parts.ts'
import {
  commandKey,
  commandKinds,
  deliveryKey,
  doneKey,
  entryKey,
  historyKey,
  type Command,
  type Delivery,
  type HistoryEntry,
  type PackageRecord,
} from '../../../src/agents/commands/records.ts'
import { isAtRest } from '../../../src/agents/commands/status.ts'
import type { PackageId } from '../../../src/packages/manifest.ts'
import type { LaneItem } from '../../../src/queues/lanes.ts'
import { below, scan, type Store } from '../../../src/state/store.ts'

async function all<V>(store: Store, prefix: string): Promise<Map<string, V>> {
  const found = new Map<string, V>()
  for await (const { key, value } of scan<V>(store, below(prefix))) found.set(key, value)
  return found
}

function keys(map: ReadonlyMap<string, unknown>): string[] {
  return [...map.keys()].toSorted()
}

function tally(ids: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const id of ids) counts[id] = (counts[id] ?? 0) + 1
  return counts
}

async function counters(store: Store, prefix: string): Promise<Record<string, number>> {
  const found = await all<number>(store, prefix)
  return Object.fromEntries([...found].map(([key, value]) => [key.slice(prefix.length), value]))
}

/**
 * Whatever was accepted, ended and forgotten: what is listed can be read, nothing refers to what is gone, and nothing is
 * left of what is gone. `deleted`: packages that somebody removed by hand, to which history may still refer.
 */
export async function assertConsistent(
  { store, packages }: Pick<Parts, 'store' | 'packages'>,
  deleted: ReadonlySet<string> = new Set(),
): Promise<void> {
  const commands = await all<Command>(store, 'command/')
  const entries = await all<HistoryEntry>(store, 'entry/')
  const deliveries = await all<Delivery>(store, 'delivery/')
  const records = await all<PackageRecord>(store, 'package/')
  const kept = [...entries.values()]

  // Commands, their entries and deliveries, and the histories that list them.
  const owners = new Set(kept.map(({ command }) => commandKey(command)))
  assert.deepEqual(keys(commands), [...owners].toSorted())
  const expected = kept.flatMap(({ command, agent, targets }) => targets.map((to) => deliveryKey(command, agent, to)))
  assert.deepEqual(keys(deliveries), expected.toSorted())
  assert.deepEqual(
    keys(await all(store, 'history/')),
    kept.map(({ agent, kind, command }) => historyKey(agent, kind, command)).toSorted(),
  )
  for (const key of (await all(store, 'forgotten/')).keys())
    assert.ok(commands.has(commandKey(key.slice('forgotten/'.length))), `${key} tells of no command`)

  // What may go is what rests, and nothing that rests is in a queue.
  const resting = kept.filter(isAtRest)
  assert.deepEqual(
    keys(await all(store, 'done/')),
    resting.map(({ agent, finishedAt, command }) => doneKey(agent, finishedAt ?? '', command)).toSorted(),
  )
  assert.deepEqual(await counters(store, 'done-count/'), tally(resting.map(({ agent }) => agent)))
  for (const [key, item] of await all<LaneItem>(store, 'items/')) {
    const [, agent = ''] = key.split('/')
    const entry = entries.get(entryKey(item.command, agent))
    assert.ok(entry !== undefined && !isAtRest(entry), `${key} is an item of nothing that waits`)
    assert.ok(deliveries.has(deliveryKey(item.command, agent, item.target)), `${key} is an item of no delivery`)
  }

  // Packages: who refers to them, and that they are there.
  const made = await all<{ package: PackageId }>(store, 'made/')
  for (const key of made.keys()) {
    const [, command = '', agent = ''] = key.split('/')
    assert.equal(entries.get(entryKey(command, agent))?.stage, 'preparing', `${key} is a part of nothing that is made`)
  }
  const replaced = await all<{ undo: PackageId }>(store, 'replaced/')
  const uses = [
    ...[...replaced.values()].map(({ undo }) => undo),
    ...[...made.values()].map((part) => part.package),
    ...kept.filter((entry) => !isAtRest(entry)).map((entry) => entry.package),
    ...[...records.values()].flatMap(({ parts = [] }) => parts),
  ]
  assert.deepEqual(await counters(store, 'package-uses/'), tally(uses.filter((id) => id !== undefined)))
  const referred = kept.map((entry) => entry.package).filter((id) => id !== undefined)
  assert.deepEqual(await counters(store, 'package-entries/'), tally(referred))
  for (const id of new Set([...uses, ...referred]))
    assert.ok(id === undefined || records.has(`package/${id}`) || deleted.has(id), `${id} is referred to and unknown`)
  for (const { id } of records.values()) assert.ok(await packages.has(id), `${id} is known and has no bytes`)

  await assertReadable(store)
}

async function assertReadable(store: Store): Promise<void> {
  const agents = new Set(keys(await all(store, 'entry/')).map((key) => key.split('/')[2] ?? ''))
  const listed = await listCommands(store, { limit: 500 })
  assert.deepEqual(listed.items.map(({ id }) => commandKey(id)).toReversed(), keys(await all(store, 'command/')))
  for (const view of listed.items) assert.deepEqual(await viewCommand(store, view.id), view)
  for (const agent of agents)
    for (const kind of commandKinds) {
      const prefix = historyKey(agent, kind, '')
      const marks = keys(await all(store, prefix)).map((key) => key.slice(prefix.length))
      const { items } = await listHistory(store, agent, kind, { limit: 500 })
      assert.deepEqual(items.map(({ id }) => id).toSorted(), marks)
    }
}

/** Packages whose bytes are on the disk. */
export async function packagesOnDisk({ packages }: Pick<Parts, 'packages'>): Promise<PackageId[]> {
  const found: PackageId[] = []
  for await (const { id } of packages.list()) found.push(id)
  return found
}
