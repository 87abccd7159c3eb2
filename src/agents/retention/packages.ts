import type { PackageId } from '../../packages/manifest.ts'
import type { PackageStore } from '../../packages/store.ts'
import type { Write } from '../../state/store.ts'
import type { Parts } from '../parts.ts'
import {
  idleKey,
  idlePrefix,
  letGo,
  packageEntriesKey,
  packageKey,
  packageUsesKey,
  type PackageRecord,
} from '../commands/records.ts'

/**
 * How long packages are left alone that nobody needs: bytes are written before the record that refers to them, the first
 * part of a large tree long before, and what is not needed now may be made or sent again at this very moment.
 */
export const graceMs = 24 * 3_600_000

const page = 100

type Kept = Pick<Parts, 'store' | 'packages'>

/**
 * Removes packages that no queue, no kept history and no index has referred to for a day, and the bytes of those that were
 * deleted. It looks only at what was let go since. At most about `most`; answers whether there is more.
 */
export async function forgetPackages(kept: Kept, now: number, most: number, signal: AbortSignal): Promise<boolean> {
  const unusedSince = now - graceMs
  const to = `${idlePrefix}${new Date(unusedSince).toISOString()}`
  for (let left = most; left > 0; left -= page) {
    const due = await kept.store.range({ from: idlePrefix, to, limit: page })
    if (due.length === 0) return false
    for (const { key } of due) {
      if (signal.aborted) return false
      await look(kept, key, unusedSince)
    }
  }
  return true
}

/**
 * The record goes first, then the bytes, then what led here: whoever is killed in between begins again with what is left.
 * Whoever refers to the package meanwhile, or makes it again, makes the first fail or finds no record and makes one.
 */
async function look({ store, packages }: Kept, key: string, unusedSince: number): Promise<void> {
  const id = key.slice(key.lastIndexOf('/') + 1) as PackageId
  const record = await store.get<PackageRecord>(packageKey(id))
  const done: Write[] = [{ delete: key }]
  if (record !== undefined) {
    const { receivedAt, parts = [] } = record.value
    if (receivedAt === undefined || Date.parse(receivedAt) < unusedSince) {
      const { ok } = await store.commit({
        checks: [
          { key: record.key, version: record.version },
          { key: packageUsesKey(id), atMost: 0 },
          { key: packageEntriesKey(id), atMost: 0 },
        ],
        // Its parts have waited as long as it has.
        writes: [{ delete: record.key }, ...letGo(parts, new Date(unusedSince - 1))],
      })
      if (ok) done.push(...(await removeBytes(packages, id, unusedSince)))
    }
  } else done.push(...(await removeBytes(packages, id, unusedSince)))
  // Whoever needs it after all says so once more when he no longer does.
  await store.commit({ writes: done })
}

/** Those that have been written again within the grace time may be about to get a record: they are looked at later. */
async function removeBytes(packages: PackageStore, id: PackageId, unusedSince: number): Promise<Write[]> {
  if ((await packages.remove(id, { unusedSince })) || !(await packages.has(id))) return []
  return [{ put: idleKey(new Date(unusedSince + graceMs), id), value: true }]
}

/**
 * Removes the bytes of packages that no record knows and nothing leads to: what a crash left behind. It lists all
 * packages, so it is for once a day.
 */
export async function sweepOrphans({ store, packages }: Kept, now: number, signal: AbortSignal): Promise<void> {
  const unusedSince = now - graceMs
  let old: PackageId[] = []
  const sweep = async (): Promise<void> => {
    const records = await store.getAll(old.map(packageKey))
    for (const [i, id] of old.entries()) if (records[i] === undefined) await packages.remove(id, { unusedSince })
    old = []
  }
  for await (const { id, mtimeMs } of packages.list()) {
    if (signal.aborted) return
    if (mtimeMs <= unusedSince) old.push(id)
    if (old.length === page) await sweep()
  }
  await sweep()
}
