import { ReplicationError } from '../../errors.ts'
import type { Command } from './records.ts'

/** What no schema can say of one command. Throws `invalid` for what means nothing. */
export function demandSense(request: Pick<Command, 'kind' | 'action' | 'mode' | 'deep' | 'full' | 'verify'>): void {
  if (request.mode === 'mirror' && request.kind !== 'import' && (!request.deep || request.action !== 'add'))
    throw new ReplicationError('invalid', 'a mirror is of whole trees: it goes with action add and deep true alone', {
      faults: [{ pointer: '/mode', message: 'mirror goes with action add and deep true alone' }],
    })
  for (const name of ['full', 'verify'] as const)
    if (request[name] === true && request.kind !== 'import' && request.action !== 'add')
      throw new ReplicationError('invalid', `${name} goes with action add alone: nothing else sends contents`, {
        faults: [{ pointer: `/${name}`, message: 'goes with action add alone' }],
      })
}

interface Strictness {
  readonly full?: boolean | undefined
  readonly verify?: boolean | undefined
}

/** How much is sent, and how much read, where that was said. */
export function strictnessOf({ full, verify }: Strictness): Pick<Command, 'full' | 'verify'> {
  return { ...(full === true && { full }), ...(verify === true && { verify }) }
}
