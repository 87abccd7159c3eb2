import { existsSync } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ReplicationError } from '../errors.ts'
import { isEmpty } from './archive.ts'
import { openEmbedded } from './embedded.ts'
import { lockFolder, type FolderLock } from './lock.ts'
import type { Store } from './store.ts'
import type { Inlet, Outlet } from './transfer.ts'

/*
 * <DATA_DIR>/state             the state
 * <DATA_DIR>/state.importing   one that is to take its place; while it is there no server starts
 * <DATA_DIR>/state.replaced    the one whose place was taken, until it is removed
 *
 * An import ends with two renames: `state` to `state.replaced`, `state.importing` to `state`. Who finds `state.importing`
 * finds the old state under one of its two names, and can go back to it; who does not find it has the new one.
 */
const names = { state: 'state', importing: 'state.importing', replaced: 'state.replaced' } as const

/** The folder of the state in a DATA_DIR. */
export function stateFolder(dataDir: string): string {
  return join(dataDir, names.state)
}

/**
 * Throws `conflict` in a DATA_DIR in which an import was broken off, and removes what one that ended has left. The caller
 * has the lock.
 */
export async function mustNotBeImporting(dataDir: string): Promise<void> {
  if (existsSync(join(dataDir, names.importing)))
    throw new ReplicationError(
      'conflict',
      `an import into ${dataDir} did not come to its end: repeat it, or go back to the state before it with trebuchet state import --abandon`,
    )
  await remove(dataDir, names.replaced)
}

/** Throws `conflict` while a server uses it, `missing` when there is no state. */
export async function openMachineOutlet(dataDir: string): Promise<Outlet> {
  if (!existsSync(dataDir)) throw nothing(dataDir)
  const lock = await lockFolder(dataDir)
  return orRelease(lock, async () => {
    await mustNotBeImporting(dataDir)
    if (!existsSync(join(stateFolder(dataDir), 'data.mdb'))) throw nothing(dataDir)
    const store = await openEmbedded(stateFolder(dataDir))
    return {
      store,
      // The lock keeps all others out.
      confirm: async () => undefined,
      close: async () => {
        await store.close()
        await lock.release()
      },
    }
  })
}

/** Throws `conflict` while a server uses it, or when there is a state already that is not to be replaced. */
export async function openMachineInlet(dataDir: string, { replace }: { readonly replace: boolean }): Promise<Inlet> {
  await mkdir(dataDir, { recursive: true })
  const lock = await lockFolder(dataDir)
  return orRelease(lock, async () => {
    await goBack(dataDir)
    if (!replace && !(await holdsNothing(dataDir)))
      throw new ReplicationError(
        'conflict',
        `${dataDir} holds a state already; name another DATA_DIR, or replace what is there with --replace`,
      )
    const folder = join(dataDir, names.importing)
    const store = await openEmbedded(folder)
    return {
      store,
      takePlace: async () => {
        await store.close()
        await move(dataDir, names.state, names.replaced)
        await move(dataDir, names.importing, names.state)
        await remove(dataDir, names.replaced)
      },
      close: async () => {
        await store.close()
        await goBack(dataDir)
        await lock.release()
      },
    }
  })
}

/** Goes back to the state before an import that was broken off. Answers whether there was one. */
export async function abandonMachineImport(dataDir: string): Promise<boolean> {
  if (!existsSync(dataDir)) return false
  const lock = await lockFolder(dataDir)
  return orRelease(lock, async () => {
    const found = await goBack(dataDir)
    await lock.release()
    return found
  })
}

async function goBack(dataDir: string): Promise<boolean> {
  const found = existsSync(join(dataDir, names.importing))
  if (found) {
    if (!existsSync(stateFolder(dataDir))) await move(dataDir, names.replaced, names.state)
    await remove(dataDir, names.importing)
  }
  await remove(dataDir, names.replaced)
  return found
}

async function holdsNothing(dataDir: string): Promise<boolean> {
  if (!existsSync(join(stateFolder(dataDir), 'data.mdb'))) return true
  const store: Store = await openEmbedded(stateFolder(dataDir))
  try {
    return await isEmpty(store)
  } finally {
    await store.close()
  }
}

/** Durable when it answers; what is not there is not moved. */
async function move(dataDir: string, from: string, to: string): Promise<void> {
  if (!existsSync(join(dataDir, from))) return
  await rename(join(dataDir, from), join(dataDir, to))
  const folder = await open(dataDir)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function remove(dataDir: string, name: string): Promise<void> {
  await rm(join(dataDir, name), { recursive: true, force: true })
}

async function orRelease<T>(lock: FolderLock, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    await lock.release()
    throw error
  }
}

function nothing(dataDir: string): ReplicationError {
  return new ReplicationError('missing', `there is no state in ${dataDir}; is DATA_DIR the one of the server?`)
}
