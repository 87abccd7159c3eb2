/** Reads or lists the resources of one file, in a thread. */
import type { MessagePort } from 'node:worker_threads'
import { inOrder } from '../../documents/order.ts'
import type { StreamFormat } from '../../documents/streams/read.ts'
import { ReplicationError } from '../../errors.ts'
import type { ResourcePath } from '../../resources/path.ts'
import { send } from '../../threads/stream.ts'
import { Breath } from '../directory/breath.ts'
import { batched, type ResourceBatch } from '../documents/batches.ts'
import { schemaOf, type SchemaOption } from '../../documents/schema.ts'
import { untilStopped } from '../documents/stopped.ts'
import { statesOf, within } from '../documents/within.ts'
import { openDocuments } from './documents.ts'

export interface FileReadOrder {
  readonly file: string
  readonly format: StreamFormat | undefined
  readonly schema: SchemaOption | undefined
  readonly path: ResourcePath
  readonly deep: boolean
  /** `states`: of all below the path, and nothing when there is no such file. */
  readonly as: 'resources' | 'states'
}

export async function run(order: FileReadOrder, port: MessagePort, signal: AbortSignal): Promise<void> {
  const { file, format, path } = order
  const open = openDocuments(file, format, schemaOf(order.schema), new Breath(signal))
  if (open === undefined) {
    if (order.as === 'states') return send(port, [])
    throw new ReplicationError('missing', "the file endpoint's file does not exist; create it, or correct its path")
  }
  const resources = inOrder(open.documents, { signal })
  if (order.as === 'states') await send(port, untilStopped(statesOf(resources, path), signal))
  else
    await send<ResourceBatch>(
      port,
      untilStopped(batched(within(resources, path, order.deep), []), signal),
      ({ bytes }) => [bytes.buffer],
    )
}
