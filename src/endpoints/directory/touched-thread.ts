/**
 * Finds in a thread what a mirror will change of a folder: the lines of its manifests beside those of the folder, as far as they differ, with
 * the small contents that are there.
 */
import type { MessagePort } from 'node:worker_threads'
import { spelledLines } from '../../packages/manifest-text.ts'
import { placedLines, placedState } from '../../packages/placed-lines.ts'
import { byteDifferences } from '../../resources/byte-differences.ts'
import type { Filter } from '../../resources/glob.ts'
import type { Block } from '../../resources/listing.ts'
import { outermost } from '../../resources/path.ts'
import { send } from '../../threads/stream.ts'
import type { Mirroring } from '../delivery.ts'
import { touchedIn } from '../mirror.ts'
import { Breath } from './breath.ts'
import { blocks } from './list-thread.ts'
import { hasGone } from './pick-thread.ts'
import { Batch, type PickBatch } from './read-thread.ts'
import { rootIfThere } from './root.ts'

export interface TouchedOrder extends Mirroring {
  /** Absolute. */
  readonly root: string
  readonly cacheFolder?: string
  readonly filters: readonly Filter[]
}

export async function run(order: TouchedOrder, port: MessagePort, signal: AbortSignal): Promise<void> {
  await send(port, batches(order, signal), ({ bytes }) => [bytes.buffer])
}

async function* batches(order: TouchedOrder, signal: AbortSignal): AsyncGenerator<PickBatch> {
  const differences = byteDifferences(placedLines(order.parts), spelledLines(held(order, signal)), placedState)
  const folders = rootIfThere(order.root)
  const breath = new Breath(signal)
  try {
    const batch = new Batch(folders, [])
    for await (const { path, was } of touchedIn(differences, order)) {
      if (breath.due) await breath.take()
      try {
        if (was === 'absent') batch.addAbsent(path)
        else batch.add({ path, folder: was === 'folder' })
      } catch (error) {
        if (!hasGone(error)) throw error
        batch.addAbsent(path)
      }
      if (batch.full) yield batch.take()
    }
    if (!batch.empty) yield batch.take()
  } finally {
    folders?.close()
  }
}

async function* held(
  { root, cacheFolder, header, filters }: TouchedOrder,
  signal: AbortSignal,
): AsyncGenerator<Block, void, void> {
  for (const path of outermost(header.roots))
    yield* blocks({ root, path, filters, ...(cacheFolder !== undefined && { cacheFolder }) }, signal)
}
