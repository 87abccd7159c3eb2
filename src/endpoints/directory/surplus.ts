import type { ResourcePath } from '../../resources/path.ts'
import type { Breath } from './breath.ts'
import type { HeldFolders } from './held-folders.ts'
import type { Move } from './move.ts'
import type { Placer } from './placer.ts'
import { emptyFolder } from './remove.ts'
import type { Some } from './settle.ts'
import { surplusFile } from './survey.ts'
import { recordsIn } from './survey-records.ts'
import { walkAtOnce } from './walk.ts'

/** So many are moved out before their space is given back. */
const trashed = 10_000

export interface Removing {
  readonly folders: HeldFolders
  readonly placer: Placer
  readonly staging: string
  readonly breath: Breath
}

/** Removes what the survey in that folder has found to be surplus, and is still there; answers that, while the folder is there. */
export async function removeSurplus(surveyed: string, { folders, placer, staging, breath }: Removing): Promise<Some> {
  const file = `${surveyed}/${surplusFile}`
  const looking = folders.fork()
  let count = 0
  try {
    for (const { path, was } of recordsIn(file)) {
      if (placer.removeSurplus(path, was === 'folder', () => holdsMore(looking, path))) {
        count++
        if (count % trashed === 0) await emptyFolder(staging, breath)
      }
      if (breath.due) await breath.take()
    }
  } finally {
    looking.close()
  }
  return { count, entries: () => movesIn(file) }
}

/** Whether something is in the folder that could be a resource: all that was surplus has gone before. */
function holdsMore(folders: HeldFolders, folder: ResourcePath): boolean {
  for (const { path } of walkAtOnce(folders, folder, { deep: true, note: () => undefined }))
    if (path !== folder) return true
  return false
}

function* movesIn(file: string): Generator<Move, void, void> {
  for (const { path } of recordsIn(file)) yield { type: 'delete', path, deep: true }
}
