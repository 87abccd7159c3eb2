/** Finds in a thread what is where a survey says that its mirror will change something: small contents are read. */
import type { MessagePort } from 'node:worker_threads'
import { send } from '../../threads/stream.ts'
import { Breath } from './breath.ts'
import { LaneFolder } from './lane-folder.ts'
import { hasGone } from './pick-thread.ts'
import { Batch, type PickBatch } from './read-thread.ts'
import { openRoot } from './root.ts'
import { touchedFile } from './survey.ts'
import { recordsIn } from './survey-records.ts'

export interface TouchedOrder {
  /** Absolute. */
  readonly root: string
  readonly lane: string
  /** Of the survey. */
  readonly name: string
}

export async function run(order: TouchedOrder, port: MessagePort, signal: AbortSignal): Promise<void> {
  await send(port, batches(order, signal), ({ bytes }) => [bytes.buffer])
}

async function* batches({ root, lane: id, name }: TouchedOrder, signal: AbortSignal): AsyncGenerator<PickBatch> {
  const folders = openRoot(root)
  const breath = new Breath(signal)
  let lane: LaneFolder | undefined
  try {
    lane = new LaneFolder(folders.fork(), id)
    const batch = new Batch(folders, [])
    for (const { path, was } of recordsIn(`${lane.place}/${name}/${touchedFile}`)) {
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
    lane?.close()
    folders.close()
  }
}
