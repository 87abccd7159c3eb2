/** Reads or lists the paths of one OpenAPI document, in a thread. */
import type { MessagePort } from 'node:worker_threads'
import { ReplicationError } from '../../errors.ts'
import type { ResourcePath } from '../../resources/path.ts'
import type { ResourceState } from '../../resources/resource.ts'
import { send } from '../../threads/stream.ts'
import { Breath } from '../directory/breath.ts'
import { batched, type ResourceBatch } from '../documents/batches.ts'
import { untilStopped } from '../documents/stopped.ts'
import { statesOf } from '../documents/within.ts'
import { bytesOf, readText, type From, type View } from './from.ts'
import { resourcesIn } from './resources.ts'

export interface OpenapiReadOrder extends View {
  readonly from: From
  readonly path: ResourcePath
  readonly deep: boolean
  /** `states`: of all below the path, and nothing when there is nothing. */
  readonly as: 'resources' | 'states'
}

export async function run(order: OpenapiReadOrder, port: MessagePort, signal: AbortSignal): Promise<void> {
  const { from, path, as } = order
  const breath = new Breath(signal)
  const bytes = 'bytes' in from ? from.bytes : (await bytesOf(from.file, breath))?.bytes
  if (bytes === undefined) {
    if (as === 'states') return send(port, [])
    throw new ReplicationError('missing', 'the OpenAPI document does not exist; create it, or correct its path')
  }
  const resources = resourcesIn(readText(bytes, order).definitions, order, breath)
  if (as === 'states') await send(port, untilStopped(orNothing(statesOf(resources, path)), signal))
  else await send<ResourceBatch>(port, untilStopped(batched(resources, []), signal), (batch) => [batch.bytes.buffer])
}

async function* orNothing(states: AsyncIterable<ResourceState[]>): AsyncGenerator<ResourceState[], void, void> {
  try {
    yield* states
  } catch (error) {
    if (!(error instanceof ReplicationError) || error.code !== 'missing') throw error
  }
}
