import { ReplicationError } from '../../errors.ts'

/** What a caller demands of what is there now (RFC 9110, section 13): entity tags as they were sent, or `*`. */
export interface Conditions {
  readonly ifMatch?: string
  readonly ifNoneMatch?: string
}

/** `current` is the strong tag of what is there, undefined when there is nothing. Throws `stale`. */
export function demand({ ifMatch, ifNoneMatch }: Conditions, current: string | undefined): void {
  if (ifMatch !== undefined && !names(ifMatch, current))
    throw new ReplicationError(
      'stale',
      current === undefined
        ? 'If-Match does not hold: there is nothing yet'
        : `If-Match does not hold: it is now ${current}; read it again and repeat your change`,
    )
  if (ifNoneMatch !== undefined && names(ifNoneMatch, current))
    throw new ReplicationError('stale', `If-None-Match does not hold: it exists, as ${current}`)
}

/** Whether a list of tags names the current one. A weak tag (`W/"…"`) never names a strong one. */
function names(tags: string, current: string | undefined): boolean {
  if (current === undefined) return false
  if (tags.trim() === '*') return true
  return tags.split(',').some((tag) => tag.trim() === current)
}
