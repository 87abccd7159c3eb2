import { createHash, hash } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { Source } from '../endpoints/endpoint.ts'
import { ReplicationError } from '../errors.ts'
import type { PackageReader } from '../packages/read.ts'
import { isWithin, outermost, rootPath, type ResourcePath } from '../resources/path.ts'
import type { Block } from '../resources/listing.ts'
import type { Resource, ResourceState } from '../resources/resource.ts'
import type { Rules } from './rules.ts'

/** What a side holds at a path, as it is found. */
export interface Held extends ResourceState {
  /** Its bytes, where they are at hand: until the next is asked for. */
  readonly bytes?: Uint8Array
}

/** One of the two that are compared, as far as the agent lets them be seen. */
export interface Side {
  /**
   * What there is at and below the paths, folders included, in path order. Throws when the listing cannot be completed: it never
   * ends early.
   */
  list(paths: readonly ResourcePath[], signal: AbortSignal): AsyncIterable<Held>
  /** The same as bytes, where that is at hand without an object for each. */
  readonly listBlocks?: (paths: readonly ResourcePath[], signal: AbortSignal) => AsyncIterable<Block>
  /** Which of these listings a package of all that would have, where it costs less to say so than to list it (Source.listedAs). */
  readonly listedAs?: (
    paths: readonly ResourcePath[],
    listings: readonly string[],
    signal: AbortSignal,
    delivery?: string,
  ) => Promise<string | undefined>
  /** What there is at exactly these paths, which come in order, one after the other; those that are not there are left out. */
  pick(paths: readonly ResourcePath[], signal: AbortSignal): AsyncIterable<Resource>
  /** The same for paths at which there are contents, and no folders, where that takes less. */
  readonly pickContents?: (paths: readonly ResourcePath[], signal: AbortSignal) => AsyncIterable<Resource>
}

/** What is larger is read again when its content is asked for. */
const atHandBytes = 1024 * 1024
/** Up to so many are looked for one by one where that is possible; more by going through all. */
const fewPaths = 1000

interface SideOptions {
  /** Paths for which it answers false are passed over, whatever is there. Absent: none. */
  readonly includes?: (path: ResourcePath) => boolean
  /** For a source: there must be something at the root, for what cannot be found is no proof that nothing is there. */
  readonly mustExist: boolean
  readonly note?: (note: string) => void
  /** All content is read, whatever is remembered of it. */
  readonly verify?: boolean
}

/** A side that is an endpoint's. */
export function sideOf(source: Source, { includes, mustExist, note, verify = false }: SideOptions): Side {
  const options = { ...(includes !== undefined && { includes }), ...(note !== undefined && { note }) }
  return {
    ...(source.listBlocks !== undefined &&
      includes === undefined && {
        async *listBlocks(paths, signal) {
          if (mustExist) await checkThere(source, paths, signal)
          for (const path of outermost(paths)) yield* source.listBlocks?.(path, signal, { verify }) ?? []
        },
      }),
    ...(source.listedAs !== undefined &&
      includes === undefined &&
      !verify && {
        async listedAs(
          paths: readonly ResourcePath[],
          listings: readonly string[],
          signal: AbortSignal,
          delivery?: string,
        ) {
          const [path, ...others] = outermost(paths)
          return path === undefined || others.length > 0
            ? undefined
            : source.listedAs?.(path, listings, signal, delivery)
        },
      }),
    ...(source.pick !== undefined && {
      async *pickContents(paths: readonly ResourcePath[], signal: AbortSignal): AsyncGenerator<Resource> {
        if (source.pick !== undefined)
          yield* source.pick(includes === undefined ? paths : paths.filter(includes), signal)
      },
    }),
    async *list(paths, signal) {
      if (mustExist) await checkThere(source, paths, signal)
      for (const path of outermost(paths)) {
        const found = source.list?.(path, signal, { verify }) ?? readStates(source, path, options, signal)
        for await (const one of found) if (includes?.(one.path) !== false) yield one
      }
    },
    async *pick(paths, signal) {
      if (source.list !== undefined && paths.length <= fewPaths) {
        for (const path of paths) {
          const [found] = await firstOf(source.read(path, { ...options, deep: false, signal }))
          if (found !== undefined) yield found
        }
        return
      }
      const wanted = new Set(paths)
      const only = (path: ResourcePath): boolean => wanted.has(path)
      for (const root of source.list === undefined ? [rootPath] : outermost(paths))
        yield* absentIsNothing(source.read(root, { ...options, deep: true, includes: only, signal }))
    },
  }
}

/** A side that is what a package holds; what it deletes is not there. */
export function packageSide(pkg: PackageReader): Side {
  return {
    async *list(paths, signal) {
      for await (const entries of pkg.manifest())
        for (const { type, path, ...state } of entries) {
          signal.throwIfAborted()
          if (type !== 'delete' && paths.some((root) => isWithin(path, root))) yield { path, ...state }
        }
    },
    async *pick(paths, signal) {
      const wanted = new Set(paths)
      for await (const { kind, entry, ...change } of pkg.changes({ signal })) {
        if (kind === 'delete' || !wanted.has(entry.path)) continue
        const content = 'content' in change ? (change.content as Buffer | Readable) : undefined
        yield { path: entry.path, ...(content !== undefined && { content: () => content }) }
      }
    },
  }
}

/** The sides that are asked for no more than what is at these paths, in order. */
export function only(paths: readonly ResourcePath[], side: Side): Side {
  const wanted = new Set(paths)
  return {
    async *list(roots, signal) {
      for await (const held of side.list(roots, signal)) if (wanted.has(held.path)) yield held
    },
    pick: (picked, signal) => side.pick(picked, signal),
  }
}

/** What is compared of a listing. */
export async function* unignored<S extends ResourceState>(
  states: AsyncIterable<S>,
  { ignores }: Pick<Rules, 'ignores'>,
): AsyncGenerator<S, void, void> {
  for await (const state of states) if (!ignores(state.path)) yield state
}

/** The content of one resource, whole. Throws `too-large` when there are more bytes than that. */
export async function bytesOf(resource: Resource, maxBytes: number): Promise<Uint8Array | undefined> {
  const content = resource.content?.()
  if (content === undefined || content instanceof Uint8Array) return content
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of content as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    if (bytes > maxBytes)
      throw new ReplicationError(
        'too-large',
        `${resource.path} has more than ${maxBytes} bytes and is not compared below`,
      )
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

async function* readStates(
  source: Source,
  path: ResourcePath,
  options: Pick<SideOptions, 'includes' | 'note'>,
  signal: AbortSignal,
): AsyncGenerator<Held> {
  for await (const { path: at, content } of absentIsNothing(source.read(path, { ...options, deep: true, signal }))) {
    if (content === undefined) {
      yield { path: at }
      continue
    }
    const bytes = content()
    if (bytes instanceof Uint8Array)
      yield {
        path: at,
        digest: hash('sha256', bytes),
        size: bytes.length,
        ...(bytes.length <= atHandBytes && { bytes }),
      }
    else yield { path: at, ...(await digestOf(bytes)) }
  }
}

async function digestOf(content: Readable): Promise<{ digest: string; size: number }> {
  const sha = createHash('sha256')
  let size = 0
  for await (const chunk of content as AsyncIterable<Uint8Array>) {
    sha.update(chunk)
    size += chunk.length
  }
  return { digest: sha.digest('hex'), size }
}

async function* absentIsNothing<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* items
  } catch (error) {
    if (!(error instanceof ReplicationError) || error.code !== 'missing') throw error
  }
}

async function firstOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  for await (const item of absentIsNothing(items)) return [item]
  return []
}

/** Nothing at a path may be all right where something is at the root. Throws `missing`. */
async function checkThere(source: Source, paths: readonly ResourcePath[], signal: AbortSignal): Promise<void> {
  const first = source.read(rootPath, { deep: false, signal })
  try {
    for await (const _ of first) return
  } catch (error) {
    const isMissing = error instanceof ReplicationError && error.code === 'missing'
    if (!isMissing || paths.length === 0) throw error
  }
  // Some have no root of their own, only what is below it.
  for await (const _ of source.read(rootPath, { deep: true, includes: () => false, signal })) return
}
