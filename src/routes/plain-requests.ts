import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { IncomingMessage, ServerOptions, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { HttpError } from './problem.ts'

/** What a request may be before anything is known of it; docs/SECURITY.md says why. */
export const httpLimits = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 20_000,
  /** Bodies of packages take as long as they take: pace.ts looks that they go on. */
  requestTimeout: 0,
  keepAliveTimeout: 72_000,
  connectionsCheckingInterval: 5000,
  insecureHTTPParser: false,
  // Said below, in an answer that is one of ours.
  requireHostHeader: false,
} as const satisfies ServerOptions

const maxHeaders = 100

/** Whoever expects something that we do not know gets an answer of ours, and not the bare one of Node.js. */
export function answerExpectations(app: FastifyInstance): void {
  app.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    app.server.emit('request', request, response)
  })
}

/** Connections whose requests begin who knows where. */
const doubtful = new WeakSet<Socket>()

/**
 * Refuses what two readers of the same bytes could take for two different requests, beyond what Node.js itself does, and all that comes
 * behind it. Throws `invalid`.
 */
export function demandPlain({ raw }: FastifyRequest): void {
  const fault = doubtful.has(raw.socket) ? { reason: 'what came before it cannot be understood' } : faultIn(raw)
  if (fault === undefined) return
  doubtful.add(raw.socket)
  throw new HttpError(fault.status ?? 400, 'invalid', fault.reason, { connection: 'close' })
}

function faultIn(raw: IncomingMessage): { readonly reason: string; readonly status?: number } | undefined {
  const { rawHeaders, headers, httpVersion, url = '' } = raw
  // Node.js leaves out what comes behind the 2000th, perhaps what a proxy has added.
  if (rawHeaders.length > 2 * maxHeaders)
    return { reason: `the request has more than ${maxHeaders} headers`, status: 431 }
  const hosts = rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host').length
  if (hosts > 1) return { reason: 'the request has several Host headers' }
  if (hosts === 0 && httpVersion === '1.1') return { reason: 'the request has no Host header' }
  const named = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(url)?.[1]
  if (named !== undefined && named.toLowerCase() !== headers.host?.toLowerCase())
    return { reason: 'the address names another host than the header Host' }
  const coding = headers['transfer-encoding']
  if (coding !== undefined && (coding.toLowerCase() !== 'chunked' || httpVersion === '1.0'))
    return { reason: 'the only Transfer-Encoding is chunked, over HTTP/1.1' }
  const { expect } = headers
  if (expect !== undefined && expect.toLowerCase() !== '100-continue')
    return { reason: 'the only Expect is 100-continue', status: 417 }
  return undefined
}
