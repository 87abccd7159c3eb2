/** Lists what a folder holds, with digests, in a thread. */
import type { MessagePort } from 'node:worker_threads'
import { parentPath, rootPath, segmentsOf, type ResourcePath } from '../../resources/path.ts'
import type { ResourceState } from '../../resources/resource.ts'
import { send } from '../../threads/stream.ts'
import { Breath } from './breath.ts'
import { codeOf, readFault } from './faults.ts'
import { HeldFolders } from './held-folders.ts'
import { rootFault } from './root.ts'
import { stateOf } from './stable-file.ts'
import { walk } from './walk.ts'

export interface ListOrder {
  readonly root: string
  readonly path: ResourcePath
}

const maxEntries = 256
const maxMs = 100
const scratchBytes = 1024 * 1024

export async function run(order: ListOrder, port: MessagePort, signal: AbortSignal): Promise<void> {
  await send(port, batches(order, signal))
}

async function* batches({ root, path }: ListOrder, signal: AbortSignal): AsyncGenerator<ResourceState[]> {
  let folders: HeldFolders
  try {
    folders = new HeldFolders(root)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw rootFault(error)
  }
  const reading = folders.fork()
  const breath = new Breath(signal)
  const scratch = new Uint8Array(scratchBytes)
  let batch: ResourceState[] = []
  let since = performance.now()
  try {
    for await (const found of walk(folders, path, { deep: true, note: () => undefined, signal })) {
      batch.push(found.folder ? { path: found.path } : await stateAt(reading, found.path, scratch, breath))
      if (batch.length < maxEntries && performance.now() - since < maxMs) continue
      yield batch
      batch = []
      since = performance.now()
    }
    if (batch.length > 0) yield batch
  } finally {
    folders.close()
    reading.close()
  }
}

async function stateAt(
  folders: HeldFolders,
  path: ResourcePath,
  scratch: Uint8Array,
  breath: Breath,
): Promise<ResourceState> {
  try {
    const place = folders.at(parentPath(path) ?? rootPath)
    return await stateOf(`${place}/${segmentsOf(path).at(-1) ?? ''}`, path, scratch, breath)
  } catch (error) {
    throw readFault(error, path)
  }
}
