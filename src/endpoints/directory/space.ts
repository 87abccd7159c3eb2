import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { ReplicationError } from '../../errors.ts'
import { codeOf } from './faults.ts'

/** How much room there is where the place is, or will be made. Throws `unavailable` when there is none. */
export function spaceAt(place: string): string {
  for (let at = place; ; at = dirname(at))
    try {
      const { bavail, bsize } = statfsSync(at)
      if (bavail <= 0) throw new ReplicationError('unavailable', 'the disk is full')
      return `${bavail * bsize} bytes are free`
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || at === dirname(at)) throw error
    }
}
