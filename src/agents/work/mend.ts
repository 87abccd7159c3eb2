import { createHash, hash } from 'node:crypto'
import type { BaseRow } from '../../compare/ancestor.ts'
import { Ordered } from '../../compare/ordered.ts'
import { ReplicationError } from '../../errors.ts'
import { asChange, changesIn } from '../../packages/changes.ts'
import { carriesAll, type PackageId } from '../../packages/manifest.ts'
import type { DeltaChange } from '../../packages/reader.ts'
import { openPackage, type PackageReader } from '../../packages/read.ts'
import { quote, type ResourcePath } from '../../resources/path.ts'
import type { Change, Content, Resource } from '../../resources/resource.ts'
import { packageKey, packageRecord, type PackageRecord } from '../commands/records.ts'
import { foldBase } from '../comparisons/ancestors.ts'
import { openKept } from '../comparisons/package-contents.ts'
import type { Parts } from '../parts.ts'
import type { Begun } from './begin.ts'

type Held = Extract<DeltaChange, { kind: 'held' }>['entry']

/** Whether more can be sent of a package, and by us: of what was imported its sender has the rest. */
async function isMendable(parts: Pick<Parts, 'packages'>, { progress }: Begun, id: PackageId): Promise<boolean> {
  return progress.command.kind === 'replicate' && !carriesAll(await parts.packages.describe(id))
}

/** Of what a target answered: what it lacks of these is sent by the next try, if that can be; else nothing will help. */
export async function judged(
  parts: Pick<Parts, 'packages'>,
  begun: Begun,
  ids: readonly PackageId[],
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof ReplicationError) || error.code !== 'incomplete') return error
  let transient = false
  for (const id of ids) transient ||= await isMendable(parts, begun, id)
  return new ReplicationError('incomplete', error.message, { cause: error, transient, final: !transient })
}

/**
 * Makes a delta carry all that it lists, for a target that turned out not to hold what it was said to: as the source has it, or, where that
 * has something else by now, as the packages have it that once brought it there. One that carries all stays as it is. Throws `conflict`
 * for a content that nobody has any more.
 */
export async function mend(parts: Parts, begun: Begun, id: PackageId, signal: AbortSignal): Promise<void> {
  if (!(await isMendable(parts, begun, id))) return
  const pkg = await openPackage(await parts.packages.file(id))
  const brought = new Brought(parts, begun)
  try {
    const { command } = begun.progress
    const origin = pkg.origin ?? {
      ...{ installation: parts.installation, agent: begun.agent.name, command: command.id, actor: command.actor },
      createdAt: new Date().toISOString(),
    }
    const changes = changesOf(pkg, begun, brought, signal)
    const made = await parts.packages.write(pkg.header, changes, origin, signal)
    if (made.id !== id) throw new ReplicationError('unavailable', 'the source changed while it was read again')
    await remember(parts, packageRecord(made))
  } finally {
    await Promise.all([pkg.close(), brought.close()])
  }
}

/** The same of the package's record, if it is still known. */
async function remember({ store }: Parts, { id, zipBytes }: PackageRecord): Promise<void> {
  for (;;) {
    const known = await store.get<PackageRecord>(packageKey(id))
    if (known === undefined) return
    const write = { put: known.key, value: { ...known.value, zipBytes } }
    if ((await store.commit({ checks: [{ key: known.key, version: known.version }], writes: [write] })).ok) return
  }
}

async function* changesOf(
  pkg: PackageReader,
  { agent }: Begun,
  brought: Brought,
  signal: AbortSignal,
): AsyncGenerator<Change, void, void> {
  const source = agent.source()
  for await (const batch of pkg.deltaBatches({ signal })) {
    const paths = batch.flatMap(({ kind, entry }) => (kind === 'held' ? [entry.path] : []))
    const there = new Ordered(source.pick?.(paths, signal) ?? nothing(), ({ path }: Resource) => path)
    try {
      for (const change of batch) {
        if (change.kind !== 'held') yield asChange(change)
        else {
          const { path } = change.entry
          const found = (await there.at(path))?.content
          const isSame = found !== undefined && (await digestOf(found)) === change.entry.digest
          yield { kind: 'put', resource: { path, content: isSame ? found : await brought.content(change.entry) } }
        }
      }
    } finally {
      await there.close()
    }
  }
}

async function* nothing(): AsyncGenerator<never> {}

async function digestOf(content: Content): Promise<string> {
  const bytes = content()
  if (bytes instanceof Uint8Array) return hash('sha256', bytes)
  const digest = createHash('sha256')
  for await (const chunk of bytes as AsyncIterable<Uint8Array>) digest.update(chunk)
  return digest.digest('hex')
}

/** What the packages have that once brought it to a target; asked for in path order, each is gone through once. */
class Brought {
  readonly #parts: Parts
  readonly #begun: Begun
  #rows: Ordered<BaseRow> | undefined
  readonly #packages = new Map<
    string,
    { readonly pkg: PackageReader; readonly changes: Ordered<DeltaChange> } | undefined
  >()

  constructor(parts: Parts, begun: Begun) {
    this.#parts = parts
    this.#begun = begun
  }

  /** To be read before the next is asked for. Throws `conflict`. */
  async content({ path, digest }: Held): Promise<Content> {
    this.#rows ??= new Ordered(this.#held(), (row) => row.path)
    const row = await this.#rows.at(path)
    if (row?.package !== undefined && row.digest === digest) {
      const change = await (await this.#open(row.package))?.at(path)
      if (change?.kind === 'put' && change.entry.digest === digest) return () => change.content
    }
    throw movedOn(path)
  }

  async close(): Promise<void> {
    await this.#rows?.close()
    for (const opened of this.#packages.values()) {
      await opened?.changes.close()
      await opened?.pkg.close()
    }
  }

  async *#held(): AsyncGenerator<BaseRow> {
    const { agent, delivery } = this.#begun
    const { rows } = await foldBase(this.#parts, agent, delivery.target)
    if (rows !== undefined) for await (const { row } of this.#parts.rowFiles.read<BaseRow>(rows)) yield row
  }

  async #open(id: string): Promise<Ordered<DeltaChange> | undefined> {
    if (!this.#packages.has(id)) {
      const pkg = await openKept(this.#parts, id as PackageId)
      this.#packages.set(id, pkg && { pkg, changes: new Ordered(changesIn(pkg), ({ entry }) => entry.path) })
    }
    return this.#packages.get(id)?.changes
  }
}

function movedOn(path: ResourcePath): ReplicationError {
  return new ReplicationError(
    'conflict',
    `the target does not hold ${quote(path)} as it was said to, the source has moved on since, and no package here has it any more; ` +
      `a replicate with "full": true sends what is there now`,
    { final: true },
  )
}
