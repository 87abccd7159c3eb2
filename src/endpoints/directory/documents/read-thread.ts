/** Reads or lists a folder's files as documents, in a thread. */
import type { MessagePort } from 'node:worker_threads'
import type { Document } from '../../../documents/names.ts'
import { inOrder } from '../../../documents/order.ts'
import type { ResourcePath } from '../../../resources/path.ts'
import { send } from '../../../threads/stream.ts'
import { batched, type ResourceBatch } from '../../documents/batches.ts'
import { schemaOf, type SchemaOption } from '../../../documents/schema.ts'
import { untilStopped } from '../../documents/stopped.ts'
import { statesOf, within } from '../../documents/within.ts'
import { Breath } from '../breath.ts'
import { codeOf } from '../faults.ts'
import { HeldFolders } from '../held-folders.ts'
import { rootFault } from '../root.ts'
import { scan, type ScanOptions } from './scan.ts'

export interface DocumentsReadOrder {
  readonly root: string
  readonly schema: SchemaOption | undefined
  readonly path: ResourcePath
  readonly deep: boolean
  /** `states`: of all below the path, and nothing when there is no such folder. */
  readonly as: 'resources' | 'states'
}

export async function run(order: DocumentsReadOrder, port: MessagePort, signal: AbortSignal): Promise<void> {
  const { root, path, deep } = order
  let folders: HeldFolders
  try {
    folders = new HeldFolders(root)
  } catch (error) {
    if (codeOf(error) === 'ENOENT' && order.as === 'states') return send(port, [])
    throw rootFault(error)
  }
  try {
    const notes: string[] = []
    const note = (text: string): void => void notes.push(text)
    const options = { schema: schemaOf(order.schema), note, signal, breath: new Breath(signal) }
    const resources = inOrder(documentsIn(folders, options), { signal })
    if (order.as === 'states') await send(port, untilStopped(statesOf(resources, path), signal))
    else
      await send<ResourceBatch>(
        port,
        untilStopped(batched(within(resources, path, deep), notes), signal),
        ({ bytes }) => [bytes.buffer],
      )
  } finally {
    folders.close()
  }
}

export async function* documentsIn(folders: HeldFolders, options: ScanOptions): AsyncGenerator<Document, void, void> {
  for await (const { document } of scan(folders, options)) yield document
}
