import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ReplicationError } from '../errors.ts'
import { syncFolder } from './folder.ts'
import type { Store } from './store.ts'

/** What is true of the folder and the Store together; it is no part of the installation. */
export const folderKey = 'packages-folder'
const marker = 'folder-id'

/**
 * Makes sure that every server of this Store sees one and the same folder: the first leaves a marker in it and in the
 * Store, each of the others must find it. Throws `conflict` for another folder, `invalid` for one that cannot be used,
 * `unavailable` as the Store does.
 */
export async function proveShared(store: Store, folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true })
  } catch (cause) {
    throw invalid(`PACKAGES_DIR cannot be made: ${(cause as Error).message}`, cause)
  }
  for (;;) {
    const known = (await store.get<string>(folderKey))?.value
    const found = await markerIn(folder)
    if (known !== undefined && found === known) return
    if (known !== undefined)
      throw new ReplicationError(
        'conflict',
        `PACKAGES_DIR (${folder}) is not the folder that the other servers of this Redis use: ` +
          (found === undefined ? `it has no ${marker}; is it mounted?` : `its ${marker} is another one’s`),
      )
    // Of several first servers one is faster; the others look again.
    if (found === undefined) await leave(folder, randomUUID())
    else await store.commit({ checks: [{ key: folderKey, version: null }], writes: [{ put: folderKey, value: found }] })
  }
}

/** Throws `invalid` for one that cannot be read, or that is none. */
async function markerIn(folder: string): Promise<string | undefined> {
  const path = join(folder, marker)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw invalid(`PACKAGES_DIR cannot be used: ${(cause as Error).message}`, cause)
  }
  const id = text.trim()
  if (/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(id)) return id
  throw invalid(`${path} is damaged: put back what it was, or remove it where no other server uses this PACKAGES_DIR`)
}

function invalid(message: string, cause?: unknown): ReplicationError {
  return new ReplicationError('invalid', message, { cause })
}

/** Whole and durable, or not at all; where two servers leave one at the same time, the first stays. */
async function leave(folder: string, id: string): Promise<void> {
  const temporary = join(folder, `${marker}.${id}`)
  await writeFile(temporary, `${id}\n`, { flag: 'wx', flush: true })
  try {
    await link(temporary, join(folder, marker))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
  } finally {
    await rm(temporary)
  }
  await syncFolder(folder)
}
