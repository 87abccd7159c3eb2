import type { FastifyInstance } from 'fastify'
import type { Asked } from './client-certificate.ts'
import { isLoopback } from '../access/local.ts'

/**
 * What every answer says, whatever it is, so that no browser makes more of it than is meant: it is of the type that it names, it may be shown in
 * no frame and by no other origin, loads nothing, is kept by no cache, and leads nowhere with its address. A route that serves
 * something else says so by setting the header itself.
 */
export const headersOfAll: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
}

/** A year, as https://hstspreload.org asks for at least. Other hosts below the name are none of our business. */
const strict = { 'strict-transport-security': 'max-age=31536000' }

interface Secured extends Asked {
  readonly tlsCert?: string
  readonly publicUrl?: string
}

/** Whether browsers reach it by TLS, which it speaks itself, or what is in front of it. */
export function isSecure({ tlsCert, publicUrl }: Secured): boolean {
  return tlsCert !== undefined || publicUrl?.startsWith('https:') === true
}

export function sendHeaders(app: FastifyInstance, settings: Secured): void {
  const secure = isSecure(settings)
  app.addHook('onRequest', async ({ hostname }, reply) => {
    reply.headers(headersOfAll)
    // A browser would go by TLS to all other servers of its own machine, too.
    if (secure && !isLoopback(hostname)) reply.headers(strict)
  })
}
