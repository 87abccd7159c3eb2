import { join } from 'node:path'
import type { ArchivedSecrets } from './agents/config/archived.ts'
import { RowFiles } from './compare/row-files.ts'
import { ReplicationError } from './errors.ts'
import type { PackageId } from './packages/manifest.ts'
import { defaultLimits } from './packages/limits.ts'
import { PackageStore } from './packages/store.ts'
import { rewound } from './queues/lanes.ts'
import type { Settings } from './settings.ts'
import { entriesOf, readArchive, writeArchive, type ArchivedEntry, type ArchiveHeader } from './state/archive.ts'
import { abandonMachineImport, openMachineInlet, openMachineOutlet } from './state/embedded-transfer.ts'
import type { RedisClients, RedisLog } from './state/redis/clients.ts'
import { abandonRedisImport, openRedisInlet, openRedisOutlet } from './state/redis/transfer.ts'
import type { Store } from './state/store.ts'
import { fill, type Inlet, type Outlet } from './state/transfer.ts'

/** What was moved so far. */
export interface Tally {
  entries: number
  /** Packages that the state refers to. */
  packages: number
  copied: number
  /** Those of them that were not where they should be. */
  missing: number
  /** Files of comparisons, and of what was in common, that the state refers to and that are not where they should be. */
  lostRows: number
}

export interface Moved extends Tally {
  /** The ids of the keys that its secrets need; of an import, those that are not here. */
  readonly keys: readonly string[]
}

export interface Moving {
  readonly settings: Settings
  readonly log: RedisLog
  readonly signal: AbortSignal
  /** A folder with packages, and what comparisons have found, beside the file. */
  readonly packages: string | undefined
  readonly onProgress: (tally: Readonly<Tally>) => void
}

/** Redis may be starting; a person does not wait for longer. */
const patienceMs = 10_000
/** Members of a record that name a file of rows (src/agents/comparisons/records.ts), of the records that have such. */
const rowMembers = ['rows', 'plan', 'rebase', 'rebaseBack', 'results'] as const
const rowPrefixes = ['comparison/', 'base/', 'base-log/', 'application/']
/** Other programs may be writing there. */
const abandonedMs = 24 * 3_600_000
const packagePrefix = 'package/'
const copiedAtOnce = 4

/**
 * Reads the whole state and hands its lines to `write`; with `packages`, copies the packages that it refers to there. Throws
 * `conflict` while a server uses the state, or when one changed it meanwhile; the lines then lack their last one.
 */
export async function exportState(
  moving: Moving,
  write: (lines: AsyncIterable<string>) => Promise<void>,
): Promise<Moved> {
  const { settings } = moving
  return usingRedis(moving, async (clients) => {
    const outlet = await (clients === undefined ? openMachineOutlet(settings.dataDir) : openRedisOutlet(clients))
    try {
      const header: ArchiveHeader = {
        engine: clients === undefined ? 'embedded' : 'redis',
        installation: await installationIn(outlet),
        at: new Date().toISOString(),
      }
      const tally = noTally()
      const to = moving.packages === undefined ? undefined : await openFiles(moving.packages)
      const from = to && (await openFiles(settings.packagesDir))
      const secrets = await archivedSecrets(settings, outlet.store)
      const followed = follow(secrets.encrypted(entriesOf(outlet.store)), tally, moving, { from, to })
      await write(writeArchive(header, whole(followed, outlet)))
      return { ...tally, keys: [...secrets.keys] }
    } finally {
      await outlet.close()
    }
  })
}

/** What is read has been the state at one moment when this ends, or it throws. */
async function* whole(
  pages: AsyncIterable<readonly ArchivedEntry[]>,
  outlet: Outlet,
): AsyncGenerator<readonly ArchivedEntry[], void, void> {
  yield* pages
  await outlet.confirm()
}

/**
 * Reads an export into an empty state, or with `replace` in the place of what is there; with `packages`, copies the packages
 * that the state refers to from there. It is all there when this answers, or nothing has changed. Throws `corrupt`
 * and `invalid` for the export, `conflict` while a server is there.
 */
export async function importState(
  moving: Moving & { readonly replace: boolean; readonly rewind: boolean },
  bytes: AsyncIterable<Uint8Array>,
): Promise<{ readonly header: ArchiveHeader; readonly tally: Moved }> {
  const { settings, signal, replace, rewind } = moving
  const { header, entries } = await readArchive(bytes)
  return usingRedis(moving, async (clients) => {
    const inlet: Inlet = await (clients === undefined
      ? openMachineInlet(settings.dataDir, { replace })
      : openRedisInlet(clients, { replace, replicas: settings.redisReplicas }))
    try {
      const tally = noTally()
      const from = moving.packages === undefined ? undefined : await openFiles(moving.packages)
      const to = await openFiles(settings.packagesDir)
      const secrets = await archivedSecrets(settings, inlet.store)
      const pages = follow(secrets.encrypted(paged(entries, rewind)), tally, moving, { from, to })
      await fill(inlet.store, flat(pages))
      await secrets.mark(inlet.store)
      if ((await inlet.store.get('installation')) === undefined)
        throw new ReplicationError('corrupt', 'this export names no installation; nothing of it was taken over')
      signal.throwIfAborted()
      const keys = await secrets.lacking()
      await inlet.takePlace()
      return { header, tally: { ...tally, keys } }
    } finally {
      await inlet.close()
    }
  })
}

/** Goes back to the state before an import that was broken off. Answers whether there was one. Throws `conflict`. */
export async function abandonImport({ settings, log }: Pick<Moving, 'settings' | 'log'>): Promise<boolean> {
  return usingRedis({ settings, log }, async (clients) =>
    clients === undefined ? abandonMachineImport(settings.dataDir) : abandonRedisImport(clients),
  )
}

/** With the connections to Redis, where that is the engine. */
async function usingRedis<T>(
  { settings, log }: Pick<Moving, 'settings' | 'log'>,
  use: (clients: RedisClients | undefined) => Promise<T>,
): Promise<T> {
  if (settings.redisUrl === undefined) return use(undefined)
  const { reachRedis } = await import('./home/redis.ts')
  const clients = await reachRedis(settings, settings.redisUrl, log, patienceMs)
  try {
    return await use(clients)
  } finally {
    clients.close()
  }
}

/** Endpoints say where their secrets are, and are loaded when there are some. */
async function archivedSecrets(settings: Settings, store: Store): Promise<ArchivedSecrets> {
  const { ArchivedSecrets } = await import('./agents/config/archived.ts')
  return new ArchivedSecrets(async () => {
    const [{ kinds }, { KeptSecrets }, { openKeyRing }] = await Promise.all([
      import('./endpoints/kinds.ts'),
      import('./agents/config/kept-secrets.ts'),
      import('./secrets/open.ts'),
    ])
    return new KeptSecrets(kinds, await openKeyRing(settings, store))
  })
}

async function installationIn({ store }: Outlet): Promise<string> {
  const found = await store.get<string>('installation')
  if (found !== undefined) return found.value
  throw new ReplicationError(
    'missing',
    'there is no state here; are DATA_DIR, REDIS_URL and REDIS_PREFIX the server’s?',
  )
}

/** Counts what passes, and looks after the packages that are spoken of before it hands them on. */
async function* follow(
  pages: AsyncIterable<readonly ArchivedEntry[]>,
  tally: Tally,
  moving: Moving,
  between: Between,
): AsyncGenerator<readonly ArchivedEntry[], void, void> {
  const { signal, onProgress } = moving
  for await (const page of pages) {
    const ids = page
      .filter(({ key }) => key.startsWith(packagePrefix))
      .map(({ key }) => key.slice(packagePrefix.length) as PackageId)
    for (let i = 0; i < ids.length; i += copiedAtOnce) {
      signal.throwIfAborted()
      await Promise.all(ids.slice(i, i + copiedAtOnce).map((id) => copy(id, between, tally, moving)))
      onProgress(tally)
    }
    for (const id of rowFilesIn(page)) {
      signal.throwIfAborted()
      await copyRows(id, between, tally)
    }
    signal.throwIfAborted()
    yield page
    tally.entries += page.length
    tally.packages += ids.length
    onProgress(tally)
  }
}

/** A package that is there already is the same; one that comes is verified whole. */
async function copy(id: PackageId, between: Between, tally: Tally, { signal, log }: Moving): Promise<void> {
  const [from, to] = [between.from?.packages, between.to?.packages]
  if (to === undefined || (await to.has(id))) return
  if (from === undefined || !(await from.has(id))) {
    tally.missing++
    return
  }
  try {
    await to.receive(await from.openRead(id), signal)
    tally.copied++
  } catch (err) {
    if (!(err instanceof ReplicationError && err.code === 'corrupt')) throw err
    // The rest is worth having without it.
    log.warn({ err }, `package ${id} is damaged and was left out`)
    tally.missing++
  }
}

/** The files that records refer to. */
function rowFilesIn(page: readonly ArchivedEntry[]): string[] {
  return page
    .filter(({ key }) => rowPrefixes.some((prefix) => key.startsWith(prefix)))
    .flatMap(({ value }) => rowMembers.map((member) => (value as Partial<Record<string, unknown>>)[member]))
    .filter((id) => typeof id === 'string')
}

async function copyRows(id: string, { from, to }: Between, tally: Tally): Promise<void> {
  if (to === undefined || (await to.rows.has(id))) return
  if (from !== undefined && (await from.rows.has(id))) await from.rows.copyTo(id, to.rows)
  else tally.lostRows++
}

/** What lies in files beside the state. */
interface Files {
  readonly packages: PackageStore
  readonly rows: RowFiles
}

interface Between {
  readonly from: Files | undefined
  readonly to: Files | undefined
}

/** What we have written ourselves is not measured again. */
async function openFiles(folder: string): Promise<Files> {
  const most = Number.MAX_SAFE_INTEGER
  const limits = { ...defaultLimits, maxEntries: most, maxBytes: most, maxZipBytes: most, maxManifestBytes: most }
  const packages = await PackageStore.open(folder, { limits, abandonedMs })
  return { packages, rows: await RowFiles.open(join(folder, 'comparisons'), { abandonedMs }) }
}

async function* paged(
  entries: AsyncIterable<ArchivedEntry>,
  rewind: boolean,
): AsyncGenerator<readonly ArchivedEntry[], void, void> {
  let page: ArchivedEntry[] = []
  for await (const { key, value } of entries) {
    page.push({ key, value: rewind ? rewound({ key, value }) : value })
    if (page.length < 64) continue
    yield page
    page = []
  }
  yield page
}

async function* flat<T>(pages: AsyncIterable<readonly T[]>): AsyncGenerator<T, void, void> {
  for await (const page of pages) yield* page
}

function noTally(): Tally {
  return { entries: 0, packages: 0, copied: 0, missing: 0, lostRows: 0 }
}
