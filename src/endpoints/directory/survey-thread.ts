/** Surveys a folder for a mirror, in a thread. */
import type { MessagePort } from 'node:worker_threads'
import { openPackage } from '../../packages/read.ts'
import type { DeliveryOrder } from '../delivery-order.ts'
import { Breath } from './breath.ts'
import { inLane } from './in-lane.ts'
import { makeRoot } from './root.ts'
import { survey, type Surveyed, type Surveying } from './survey.ts'

export interface SurveyOrder extends DeliveryOrder, Omit<Surveying, 'paths' | 'deletes' | 'verify'> {}

/** Of a mirror, for whoever applies it. */
export interface SurveyedMirror extends Surveyed {
  /** What each part has that needs not be opened: nothing of it is to be changed. */
  readonly settled: Readonly<Record<string, { readonly entries: number; readonly bytes: number }>>
}

/** Undefined where the delivery has its receipt. Throws `conflict` when more would be removed than the guard admits. */
export async function run(
  order: SurveyOrder,
  _port: MessagePort,
  signal: AbortSignal,
): Promise<SurveyedMirror | undefined> {
  const folders = makeRoot(order.root)
  const breath = new Breath(signal)
  let found: Surveyed | undefined
  try {
    await inLane(folders, order, { what: "the target's folder", breath }, async (staging, lane) => {
      found = await survey(order, { folders, lane, staging, breath, signal })
      return undefined
    })
    return found && { ...found, settled: await settledIn(order, found) }
  } finally {
    folders.close()
  }
}

/** Of what is applied in parts, and wholly: an index says how much each of them has. */
async function settledIn(
  { package: whole, parts, paths }: SurveyOrder,
  found: Surveyed,
): Promise<SurveyedMirror['settled']> {
  if (paths !== undefined || parts.some(({ id }) => id === whole.id)) return {}
  const index = await openPackage(whole)
  await index.close()
  return Object.fromEntries(
    index.parts.flatMap(({ package: id, entries, bytes }, i) => {
      const part = found.parts[i]
      // It deletes something, if it has more.
      return part?.visited === 0 && part.lines === entries ? [[id, { entries, bytes }]] : []
    }),
  )
}
