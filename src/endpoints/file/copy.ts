import { dirname, resolve } from 'node:path'
import { ReplicationError } from '../../errors.ts'
import { ThreadPool } from '../../threads/pool.ts'
import { maxThreads } from '../directory/job.ts'
import type { PathBounds } from '../bounds/paths.ts'
import type { Copied, CopyPlan } from '../endpoint.ts'
import type { FileCopyOrder } from './copy-thread.ts'
import type { FileOptions } from './options.ts'
import { whereabouts } from './whereabouts.ts'

const copiers = new ThreadPool(maxThreads)
const thread = new URL('./copy-thread.js', import.meta.url)

export function fileCopy(options: FileOptions, place: string): CopyPlan<FileOptions> {
  const path = besideFile(options.path, place)
  return {
    options: { ...options, path },
    place: path,
    make: async (version, { bounds }, signal) => {
      if (version !== undefined) throw new ReplicationError('invalid', 'a file of documents has no version of its own')
      return copied({ from: options.path, to: path, paths: bounds?.paths }, signal)
    },
  }
}

/** A place relative to the folder of a file, as an absolute path. Throws `invalid` for what can be none. */
export function besideFile(path: string, place: string): string {
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(place))
    throw new ReplicationError('invalid', 'the document is a file, and so its new version is one: give a path')
  if (place.includes('\0') || /(^|\/)\.{0,2}$/.test(place))
    throw new ReplicationError('invalid', 'the path must name a file')
  return resolve(dirname(resolve(path)), place)
}

/** As it is, byte for byte. */
export async function copied(
  { from, to, paths }: { readonly from: string; readonly to: string; readonly paths: PathBounds | undefined },
  signal: AbortSignal,
): Promise<Copied> {
  const order: FileCopyOrder = { file: (await whereabouts(from, paths)).file, to: await whereabouts(to, paths) }
  signal.throwIfAborted()
  return copiers.run<FileCopyOrder, Copied>(thread, order, signal)
}
