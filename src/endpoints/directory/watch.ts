import { lstat } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { ReplicationError } from '../../errors.ts'
import { rootPath, type ResourcePath } from '../../resources/path.ts'
import { plainPath, type PathBounds } from '../bounds/paths.ts'
import type { Found, Seen, Watcher } from '../endpoint.ts'
import { foundAt } from './look.ts'
import { WatchedTree } from './watched-tree.ts'

/** How often it is looked whether the folder is there, and still the same: nothing tells of a folder above that is renamed. */
const lookEveryMs = 1000
const looksAtOnce = 16

/**
 * `root` is the absolute path of a folder. One watch for each folder in it: `fs.watch` with `recursive` misses, on Linux, what
 * happens while it looks for folders (nodejs/node#48437), and costs a watch for each file.
 */
export function directoryWatcher(root: string, paths?: PathBounds): Watcher {
  const place: Place = { find: () => plainPath(root, paths), watched: undefined }
  return {
    watch: (hear, ready, signal) => watch(place, hear, ready, signal),
    look: (paths, signal) => look(place, paths, signal),
  }
}

interface Place {
  /** Where it is now, its links resolved. Throws `forbidden`, `invalid`. */
  readonly find: () => Promise<string>
  /** The identity of the folder that is watched; `none` while there is none to be watched. Undefined before the first watch. */
  watched: string | undefined
}

const none = 'none'

async function watch(place: Place, hear: (seen: Seen) => void, ready: () => void, signal: AbortSignal): Promise<void> {
  const tree = new WatchedTree(hear)
  let known = none
  let begun = false
  try {
    while (!signal.aborted) {
      const root = await place.find()
      let is = await identity(root)
      // A folder that goes away is no deletion: only when one is there again can it be said what is missing in it.
      if (is === none) tree.wither()
      else if (is !== known && !(await tree.grow(root))) is = none
      if (is !== known && is !== none && begun) hear({ path: rootPath, fresh: true })
      place.watched = known = is
      if (!begun) ready()
      begun = true
      await Promise.race([pause(lookEveryMs, undefined, { signal }), tree.failed])
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    tree.close()
  }
}

/** Another one when the folder is another, under the same name; `none` while there is none. */
async function identity(root: string): Promise<string> {
  try {
    const stats = await lstat(root, { bigint: true })
    const { dev, ino, birthtimeNs } = stats
    return stats.isDirectory() ? `${dev}/${ino}/${birthtimeNs}` : none
  } catch {
    return none
  }
}

async function look(
  { find, watched }: Place,
  paths: readonly ResourcePath[],
  signal: AbortSignal,
): Promise<readonly Found[]> {
  const root = await find()
  const before = await identity(root)
  const found = Array.from<Found>({ length: paths.length })
  let next = 0
  const looker = async (): Promise<void> => {
    for (let i = next++; i < paths.length && !signal.aborted; i = next++)
      found[i] = await foundAt(root, paths[i] ?? rootPath)
  }
  await Promise.all(Array.from({ length: looksAtOnce }, looker))
  signal.throwIfAborted()
  // What was not found in a folder that was gone meanwhile was not deleted; of one that is not watched yet, not all is told.
  if (before === none || before !== (watched ?? before) || (await identity(root)) !== before)
    throw new ReplicationError('unavailable', "the directory endpoint's folder is not there, or was replaced just now")
  return found
}
