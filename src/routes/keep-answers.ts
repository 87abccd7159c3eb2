import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Idempotency, KeptAnswer, Reservation } from './idempotency.ts'

interface Claimed {
  readonly reserved: Reservation
  readonly input: unknown
}

/** Of what an answer says besides its body. */
const keptHeaders = ['location', 'etag']

/**
 * `Idempotency-Key` on every POST of the routes that are added afterwards. A refusal is not kept. Effect and answer are not
 * one batch here: when the server dies between them, the same request acts again after a minute.
 */
export function keepAnswers(app: FastifyInstance, idempotency: Idempotency): void {
  const open = new WeakMap<FastifyRequest, Claimed>()
  app.addHook('preHandler', async (request, reply) => {
    const key = request.headers['idempotency-key']
    if (request.method !== 'POST' || key === undefined) return undefined
    const reserved = await idempotency.begin({
      ...{ caller: request.caller.id, method: 'POST', path: request.url.split('?', 1)[0] ?? '', key: String(key) },
      cut: () => reply.raw.destroy(),
    })
    reply.raw.once('close', () => reserved.release())
    const input = { body: request.body ?? null, query: request.query }
    const known = await reserved.claim(input)
    if (known !== undefined) return answerAgain(reply, known)
    open.set(request, { reserved, input })
    return undefined
  })
  app.addHook('onSend', async (request, reply, payload) => {
    const claimed = open.get(request)
    if (claimed === undefined) return
    open.delete(request)
    try {
      await claimed.reserved.settle(claimed.input, answerOf(reply, payload))
    } catch (err) {
      // It is done, and whoever asked shall hear so.
      request.log.warn({ err }, 'an answer could not be kept for its Idempotency-Key')
    } finally {
      claimed.reserved.release()
    }
  })
}

function answerAgain(reply: FastifyReply, { status, headers, body }: KeptAnswer): FastifyReply {
  return reply
    .code(status)
    .headers({ ...headers, 'idempotent-replayed': 'true' })
    .send(body ?? undefined)
}

function answerOf(reply: FastifyReply, payload: unknown): KeptAnswer | undefined {
  const text = payload ?? ''
  if (reply.statusCode >= 300 || typeof text !== 'string') return undefined
  const headers = keptHeaders.flatMap((name) => {
    const value = reply.getHeader(name)
    return value === undefined ? [] : [[name, String(value)] as const]
  })
  const body: unknown = text === '' ? null : JSON.parse(text)
  return { status: reply.statusCode, headers: Object.fromEntries(headers), body }
}
