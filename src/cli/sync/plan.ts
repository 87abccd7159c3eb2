import type { Readable } from 'node:stream'
import { differences, statesIn } from '../../compare/differences.ts'
import type { Difference } from '../../resources/byte-differences.ts'
import type { PackageFile, PackageSummary } from '../../packages/manifest.ts'
import { openPackage, type PackageReader } from '../../packages/read.ts'
import { includes } from '../../resources/glob.ts'
import { comparePaths, rootPath, type ResourcePath } from '../../resources/path.ts'
import type { Resource, ResourceState } from '../../resources/resource.ts'
import { Ending, exitCodes } from '../ending.ts'
import type { Named } from './named.ts'
import type { SyncOptions } from './options.ts'
import { planWriter, type PlanCounts } from './plan-output.ts'
import { textOf } from './pipe.ts'
import { memberDiff } from './member-diff.ts'

export interface Ready {
  readonly file: PackageFile
  readonly pkg: PackageSummary
  readonly destination: Named
  readonly options: SyncOptions
}

/** Says what a run with the same options would change, and changes nothing. Answers the exit code. */
export async function showPlan({ file, pkg, destination, options }: Ready, signal: AbortSignal): Promise<number> {
  const shows = options.plan === 'diff'
  const writer = planWriter(options.output)
  const counts = { added: 0, changed: 0, removed: 0, same: 0, kept: 0 }
  const reader = await openPackage(file)
  const contents = shows ? new Contents(reader, destination, signal) : undefined
  try {
    for await (const difference of differencesOf(reader, destination, options, signal)) {
      const { state, path } = difference
      if (state === 'removed' && pkg.mode !== 'mirror' && !isAnew(destination, options)) {
        counts.kept++
        continue
      }
      counts[state]++
      if (state === 'same') continue
      const diff = state === 'changed' ? await contents?.diffAt(path) : undefined
      await writer.change({ path, change: state, ...(diff !== undefined && { diff }) })
    }
    await writer.end({ destination: destination.argument, counts: counts satisfies PlanCounts })
  } catch (error) {
    if (signal.aborted) throw error
    throw new Ending(exitCodes.failed, `${destination.label}: ${(error as Error).message}`, { cause: error })
  } finally {
    await contents?.close()
    await reader.close()
  }
  return shows && counts.added + counts.changed + counts.removed > 0 ? exitCodes.differs : 0
}

/** A file that is replaced keeps nothing of what it held. */
function isAnew({ medium }: Named, { rm }: SyncOptions): boolean {
  return rm && medium === 'file'
}

async function* differencesOf(
  reader: PackageReader,
  destination: Named,
  { filters }: SyncOptions,
  signal: AbortSignal,
): AsyncGenerator<Difference, void, void> {
  const target = destination.target()
  const isIncluded = includes(filters)
  const held = target.list?.(rootPath, signal) ?? []
  try {
    yield* differences(statesIn(reader), documents(held, isIncluded))
  } finally {
    await target.close?.()
  }
}

async function* documents(
  states: AsyncIterable<ResourceState> | Iterable<ResourceState>,
  isIncluded: (path: ResourcePath) => boolean,
): AsyncGenerator<ResourceState> {
  for await (const state of states) if (state.digest !== undefined && isIncluded(state.path)) yield state
}

/** Both sides' documents, each read once and in path order, as far as somebody asks for them. */
class Contents {
  readonly #ours: AsyncGenerator<{ path: ResourcePath; content: Buffer | Readable }, void, void>
  readonly #theirs: AsyncIterator<Resource, unknown, unknown>

  constructor(reader: PackageReader, destination: Named, signal: AbortSignal) {
    this.#ours = puts(reader, signal)
    const options = { deep: true, signal }
    this.#theirs = destination.source().read(rootPath, options)[Symbol.asyncIterator]()
  }

  /** In path order only. */
  async diffAt(path: ResourcePath): Promise<string> {
    const ours = await this.#our(path)
    const theirs = await this.#their(path)
    return memberDiff(theirs ?? '', ours ?? '')
  }

  async close(): Promise<void> {
    await Promise.all([this.#ours.return(), this.#theirs.return?.()])
  }

  async #our(path: ResourcePath): Promise<string | undefined> {
    for (let one = await this.#ours.next(); one.done !== true; one = await this.#ours.next())
      if (one.value.path === path) return textOf(one.value.content)
    return undefined
  }

  async #their(path: ResourcePath): Promise<string | undefined> {
    for (;;) {
      const { done, value } = (await this.#theirs.next()) as IteratorResult<Resource, undefined>
      if (done === true || value === undefined) return undefined
      const { path: at, content } = value
      if (at === path && content !== undefined) {
        const bytes = content()
        return textOf(bytes instanceof Uint8Array ? Buffer.from(bytes) : bytes)
      }
      if (comparePaths(at, path) > 0) return undefined
    }
  }
}

async function* puts(
  reader: PackageReader,
  signal: AbortSignal,
): AsyncGenerator<{ path: ResourcePath; content: Buffer | Readable }, void, void> {
  for await (const change of reader.changes({ signal }))
    if (change.kind === 'put') yield { path: change.entry.path, content: change.content }
}
