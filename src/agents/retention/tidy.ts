import { removeExpired } from '../../state/expiry.ts'
import { forgetHeadway } from '../commands/headway.ts'
import { trimAgentLogs } from '../events/agent-log.ts'
import { foldBases, forgetComparisons, forgetReplaced } from './comparisons.ts'
import { forgetHistory } from './history.ts'
import { forgetPackages } from './packages.ts'
import type { Parts } from '../parts.ts'
import { forgetThroughput } from '../throughput.ts'
import { trimEvents } from './sweep.ts'

/** What one turn removes of each kind at most. */
const most = 2000

/**
 * Removes what is no longer kept: events, history, packages, answers that are not given again. Cheap when nothing is due.
 * Answers whether there is more to do.
 */
export async function tidy(
  { store, packages, rowFiles, roster, log }: Pick<Parts, 'store' | 'packages' | 'rowFiles' | 'roster' | 'log'>,
  now: number,
  signal: AbortSignal,
): Promise<boolean> {
  await trimEvents(store)
  await trimAgentLogs(store)
  await foldBases({ store, packages, rowFiles, roster, log }, signal)
  await forgetComparisons({ store, packages, rowFiles, roster, log }, now, signal)
  await forgetReplaced({ store, packages, rowFiles, roster, log }, now, signal)
  await forgetHeadway(store, signal)
  await forgetThroughput(store, now)
  const more = [
    await forgetHistory(store, now, most, signal),
    await forgetPackages({ store, packages }, now, most, signal),
    await removeExpired(store, now, most),
  ]
  return more.includes(true) && !signal.aborted
}
