/** Packages that another server brings before it names them in an index: they are kept for a day, and nothing of them is applied. */
import { ReplicationError } from '../errors.ts'
import { carriesAll, type PackageId } from '../packages/manifest.ts'
import { idleKey, packageKey, type PackageRecord } from './commands/records.ts'
import type { Parts } from './parts.ts'

/** A package, and of how many of its files whoever has it has the contents: of all when absent. */
export interface Wanted {
  readonly id: PackageId
  readonly carries?: number
}

/** What has come is not said to have come again before it is so old. */
const renewedAfterMs = 3_600_000

type Kept = Pick<Parts, 'store' | 'packages'>

/** Those that are not here with as much. What is here stays as if it had come now. */
export async function neededOf(
  kept: Kept,
  wanted: readonly Wanted[],
  mayHave: (record: PackageRecord) => boolean,
): Promise<PackageId[]> {
  const needed: PackageId[] = []
  for (const one of wanted) if (!(await isHere(kept, one, mayHave))) needed.push(one.id)
  return needed
}

async function isHere(
  kept: Kept,
  { id, carries: wanted }: Wanted,
  mayHave: (record: PackageRecord) => boolean,
): Promise<boolean> {
  for (;;) {
    const record = await kept.store.get<PackageRecord>(packageKey(id))
    if (record === undefined || !mayHave(record.value)) return false
    const carried = await carriedOf(kept, id)
    if (carried === undefined || (carried < Infinity && (wanted === undefined || carried < wanted))) return false
    const { createdAt, receivedAt = createdAt } = record.value
    if (Date.parse(receivedAt) > Date.now() - renewedAfterMs) return true
    const now = new Date()
    const { ok } = await kept.store.commit({
      checks: [{ key: record.key, version: record.version }],
      writes: [
        { put: record.key, value: { ...record.value, receivedAt: now.toISOString() } },
        { put: idleKey(now, id), value: true },
      ],
    })
    if (ok) return true
  }
}

/** Of how many files; Infinity of all. Undefined where its bytes are lost. */
async function carriedOf({ packages }: Kept, id: PackageId): Promise<number | undefined> {
  try {
    const described = await packages.describe(id)
    return carriesAll(described) ? Infinity : (described.carries?.files ?? 0)
  } catch (error) {
    if (error instanceof ReplicationError && error.code === 'missing') return undefined
    throw error
  }
}
