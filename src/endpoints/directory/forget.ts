import { createHash } from 'node:crypto'
import { readdir, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Removes what a lane that will never deliver again has left in a server's own folder, `own`, and that folder when nothing
 * else is in it. What a later epoch of the lane has there stays, and so does what can not be removed.
 */
export async function forgetLane(own: string, lane: string, epoch: number): Promise<void> {
  const folder = join(own, createHash('sha256').update(lane).digest('hex').slice(0, 32))
  try {
    const later = (await readdir(folder)).some((name) => Number(/^(\d+)-\d+$/.exec(name)?.[1] ?? 0) > epoch)
    if (later) return
    await rm(folder, { recursive: true, force: true })
    await rmdir(own)
  } catch {
    // It was not there, or something else is.
  }
}
