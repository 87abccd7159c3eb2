import { mkdirSync, rmdirSync, statSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { ReplicationError } from '../../errors.ts'
import { codeOf } from '../directory/faults.ts'

/** What is done under a lock takes less than a millisecond: whoever has it for longer is dead, or as good as. */
const longestMs = 2000
const askEveryMs = 2

/**
 * Does it while nobody else does, in whatever process, who names the same place. It must not wait for anything. The lock
 * is an empty folder; one that somebody left is taken away.
 */
export async function exclusively<T>(place: string, signal: AbortSignal, act: () => T): Promise<T> {
  let seen: string | undefined
  let since = 0
  while (!taken(place)) {
    if (signal.aborted) throw new ReplicationError('unavailable', 'stopped')
    const stats = statSync(place, { throwIfNoEntry: false, bigint: true })
    const now = stats && `${stats.ino}/${stats.ctimeNs}`
    if (now !== seen) since = performance.now()
    seen = now
    if (now !== undefined && performance.now() - since > longestMs) release(place)
    await setTimeout(askEveryMs)
  }
  try {
    return act()
  } finally {
    release(place)
  }
}

function taken(place: string): boolean {
  try {
    mkdirSync(place, 0o700)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

function release(place: string): void {
  try {
    rmdirSync(place)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
}
