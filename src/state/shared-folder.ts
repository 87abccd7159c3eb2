import { randomUUID } from 'node:crypto'
import { link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ReplicationError } from '../errors.ts'
import type { Store } from './store.ts'

const key = 'packages-folder'
const marker = 'folder-id'

/**
 * Makes sure that every server of this Store sees one and the same folder: the first leaves a marker in it and in the
 * Store, each of the others must find it. Throws `conflict` for another folder, `unavailable` as the Store does.
 */
export async function proveShared(store: Store, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (;;) {
    const known = (await store.get<string>(key))?.value
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
    else await store.commit({ checks: [{ key, version: null }], writes: [{ put: key, value: found }] })
  }
}

async function markerIn(folder: string): Promise<string | undefined> {
  try {
    return (await readFile(join(folder, marker), 'utf8')).trim()
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new ReplicationError('unavailable', `${join(folder, marker)} cannot be read: ${(cause as Error).message}`, {
      cause,
    })
  }
}

/** Whole or not at all; where two servers leave one at the same time, the first stays. */
async function leave(folder: string, id: string): Promise<void> {
  const temporary = join(folder, `${marker}.${id}`)
  const file = await open(temporary, 'wx')
  await file.writeFile(`${id}\n`)
  await file.sync()
  await file.close()
  try {
    await link(temporary, join(folder, marker))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
  } finally {
    await rm(temporary)
  }
}
