import type { Readable } from 'node:stream'
import { ReplicationError } from '../errors.ts'
import { carriesAll, isPackageId, type ManifestEntry } from '../packages/manifest.ts'
import { openPackage } from '../packages/read.ts'
import type { Receiving } from '../packages/unfinished.ts'
import { isWithin, type ResourcePath } from '../resources/path.ts'
import { below, scan, type Check, type Write } from '../state/store.ts'
import { agentsOfPackage, takenBy } from './package-owners.ts'
import type { Parts } from './parts.ts'
import {
  idleKey,
  letGo,
  packageKey,
  packageRecord,
  packageUsesKey,
  rememberPackage,
  type PackageRecord,
} from './commands/records.ts'
import type { Page } from './commands/views.ts'

interface Reception {
  readonly into?: Receiving | undefined
  /** Those that have it from then on. */
  readonly takers?: readonly { readonly name: string }[]
}

/**
 * Takes a package from outside: streamed to disk, checked whole, and only then known. The same package may come again, and
 * is then kept as if it were new. Throws `corrupt`, `too-large`, `unavailable`; `conflict` for an index without its parts.
 */
export async function receivePackage(
  parts: Pick<Parts, 'store' | 'packages'>,
  upload: Readable,
  signal: AbortSignal,
  { into, takers = [] }: Reception = {},
): Promise<PackageRecord> {
  const record = packageRecord(await parts.packages.receive(upload, signal, into))
  for (;;) {
    const { is, checks, writes } = await reception(parts, record, takers)
    const idle = { put: idleKey(new Date(), record.id), value: true }
    if ((await parts.store.commit({ checks, writes: [...writes, idle] })).ok) return is
  }
}

/** Whether it is a delta, or a tree of whose parts one is: then its targets must hold what is not in it. */
export async function lacksAny(
  { packages }: Pick<Parts, 'packages'>,
  { id, parts = [id] }: Pick<PackageRecord, 'id' | 'parts'>,
): Promise<boolean> {
  for (const one of parts) if (!carriesAll(await packages.describe(one))) return true
  return false
}

/** What makes the package known, or known to have come again. */
async function reception(
  { store }: Pick<Parts, 'store'>,
  record: PackageRecord,
  takers: readonly { readonly name: string }[],
): Promise<{ is: PackageRecord; checks: Check[]; writes: Write[] }> {
  const key = packageKey(record.id)
  const known = await store.get<PackageRecord>(key)
  if (known !== undefined) {
    const is = takenBy({ ...known.value, receivedAt: record.createdAt }, takers)
    return { is, checks: [{ key, version: known.version }], writes: [{ put: key, value: is }] }
  }
  const held = await store.getAll<PackageRecord>((record.parts ?? []).map(packageKey))
  const lacking = record.parts?.find((_, i) => held[i] === undefined)
  if (lacking !== undefined)
    throw new ReplicationError(
      'conflict',
      `this is an index, and its part ${lacking} is not here; send the parts first`,
    )
  for (const part of held) if (part !== undefined) demandPart(record, part.value)
  const checks = held.flatMap((part) => (part === undefined ? [] : [{ key: part.key, version: part.version }]))
  const is = takenBy(record, takers)
  return { is, checks: [{ key, version: null }, ...checks], writes: rememberPackage(is) }
}

/**
 * What an index says of itself is what is judged before its parts are applied: they may do nothing else, and by itself none of them
 * mirrors anything. Throws `invalid`.
 */
function demandPart({ roots, action }: PackageRecord, part: PackageRecord): void {
  const isWithinRoots = part.roots.every((path) => roots.some((root) => isWithin(path, root)))
  if (isWithinRoots && part.mode === 'update' && part.action === action && part.parts === undefined) return
  throw new ReplicationError(
    'invalid',
    `this is an index, and its part ${part.id} does not do what the index says: its roots, mode or action differ`,
  )
}

/** Throws `missing`, for a malformed id too. */
export async function packageOf(parts: Pick<Parts, 'store'>, id: string): Promise<PackageRecord> {
  const found = isPackageId(id) ? await parts.store.get<PackageRecord>(packageKey(id)) : undefined
  if (found === undefined) throw new ReplicationError('missing', `there is no package ${id.slice(0, 100)}`)
  return found.value
}

/** By id: those of which an agent is seen that has it, or all. */
export async function listPackages(
  parts: Pick<Parts, 'store'>,
  page: {
    readonly after?: string
    readonly limit: number
    readonly sees?: (agent: string) => boolean
    readonly seesAll?: boolean
  },
): Promise<Page<PackageRecord>> {
  const { after, limit, sees = () => true, seesAll = true } = page
  const { from, to } = below('package/')
  const items: PackageRecord[] = []
  for await (const { value } of scan<PackageRecord>(
    parts.store,
    { from: after === undefined ? from : `package/${after}\0`, to },
    Math.min(limit + 1, 256),
  )) {
    if (!seesAll && !agentsOfPackage(value).some(sees)) continue
    if (items.length === limit) return { items, next: items.at(-1)?.id ?? '' }
    items.push(value)
  }
  return { items }
}

/** What a package applies, in order, behind the path `after`. Throws `missing`. */
export async function listEntries(
  parts: Pick<Parts, 'store' | 'packages'>,
  id: string,
  { after, limit }: { readonly after?: ResourcePath; readonly limit: number },
): Promise<Page<ManifestEntry>> {
  const { id: known } = await packageOf(parts, id)
  const reader = await openPackage(await parts.packages.file(known))
  try {
    const found = await reader.entries({ limit: limit + 1, ...(after !== undefined && { after }) })
    const items = found.slice(0, limit)
    const last = items.at(-1)
    return { items, ...(found.length > limit && last !== undefined && { next: last.path }) }
  } finally {
    await reader.close()
  }
}

/**
 * Forgets the package; its bytes go with the next sweep, or when they are a day old. Throws `missing`; `conflict` while
 * a queue refers to it.
 */
export async function deletePackage(parts: Pick<Parts, 'store'>, id: string): Promise<void> {
  for (;;) {
    const { id: known } = await packageOf(parts, id)
    const record = await parts.store.get<PackageRecord>(packageKey(known))
    if (record === undefined) continue
    const result = await parts.store.commit({
      checks: [
        { key: record.key, version: record.version },
        { key: packageUsesKey(known), atMost: 0 },
      ],
      writes: [
        { delete: record.key },
        { put: idleKey(new Date(0), known), value: true },
        ...letGo(record.value.parts ?? [], new Date()),
      ],
    })
    if (result.ok) return
    if (result.failed === packageUsesKey(known))
      throw new ReplicationError(
        'conflict',
        `package ${known} is still in a queue, or part of a larger one; cancel its commands first`,
      )
  }
}
