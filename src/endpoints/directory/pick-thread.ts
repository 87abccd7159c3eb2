/** Reads single files in a thread, many at a time: small contents in batches, large ones only by name. */
import { lstatSync } from 'node:fs'
import type { MessagePort } from 'node:worker_threads'
import type { ResourcePath } from '../../resources/path.ts'
import { send } from '../../threads/stream.ts'
import { Breath } from './breath.ts'
import { codeOf } from './faults.ts'
import { Batch, type PickBatch } from './read-thread.ts'
import { openRoot } from './root.ts'

export interface PickOrder {
  readonly root: string
  /** In path order. */
  readonly paths: readonly ResourcePath[]
}

export async function run(order: PickOrder, port: MessagePort, signal: AbortSignal): Promise<void> {
  await send(port, batches(order, signal), ({ bytes }) => [bytes.buffer])
}

async function* batches({ root, paths }: PickOrder, signal: AbortSignal): AsyncGenerator<PickBatch> {
  const folders = openRoot(root)
  const breath = new Breath(signal)
  try {
    const batch = new Batch(folders, [])
    for (const path of paths) {
      if (breath.due) await breath.take()
      try {
        batch.add({ path, folder: false })
      } catch (error) {
        if (!hasGone(error) && !isFolder(`${root}${path}`)) throw error
      }
      if (batch.full) yield batch.take()
    }
    yield batch.take()
  } finally {
    folders.close()
  }
}

/** There is no content then. */
function isFolder(place: string): boolean {
  return lstatSync(place, { throwIfNoEntry: false })?.isDirectory() === true
}

/** It, or what it was in. */
export function hasGone(error: unknown): boolean {
  return error instanceof Error && ['ENOENT', 'ENOTDIR'].includes(codeOf(error.cause))
}
