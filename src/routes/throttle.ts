import type { FastifyReply, FastifyRequest } from 'fastify'
import { Rates } from '../access/rates.ts'
import { networkOf } from '../access/tries.ts'
import { anonymous, nobody } from '../access/rights.ts'
import { ReplicationError } from '../errors.ts'
import { whenOver } from './when-over.ts'

/** Calls of one caller that are under way: held answers, downloads and imports among them. Event streams have a limit of their own. */
const maxAtOnce = 500

/** Throws `busy` for a caller who asks too often, or for too much at once. */
export type Throttle = (request: FastifyRequest, reply: FastifyReply) => void

/** So many calls a second for each token, or address where there is none; 0: any number. */
export function throttleOf(perSecond = 0, most = maxAtOnce): Throttle {
  const rates = perSecond === 0 ? undefined : new Rates(perSecond)
  // Holds those only who have a call under way.
  const underWay = new Map<string, number>()
  return (request, reply) => {
    const { id } = request.caller
    const who = id === nobody.id || id === anonymous.id ? `address ${networkOf(request.ip)}` : id
    const waitMs = rates?.take(who) ?? 0
    if (waitMs > 0) {
      request.isAudited = true
      throw new ReplicationError('busy', `more than ${perSecond} calls a second, over more than ten seconds`, {
        retryAfterMs: Math.max(1000, waitMs),
      })
    }
    if (request.routeOptions.config.streams === true) return
    const now = underWay.get(who) ?? 0
    if (now >= most) {
      request.isAudited = true
      throw new ReplicationError('busy', `${most} calls of this caller are under way`, { retryAfterMs: 1000 })
    }
    underWay.set(who, now + 1)
    whenOver(request.raw, reply.raw, () => {
      const left = (underWay.get(who) ?? 1) - 1
      if (left === 0) underWay.delete(who)
      else underWay.set(who, left)
    })
  }
}
