import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { promisify } from 'node:util'
import { Readable, type Transform } from 'node:stream'
import { createGzip, gzip } from 'node:zlib'
import { acceptsGzip } from './accepts.ts'

/** What is shorter goes in a few packets anyway. */
const longBytes = 8 * 1024
/** Of listings most is gained at the lowest levels, which keep up with most lines. */
const level = 3

const listings = ['application/json', 'application/x-ndjson']

/**
 * Sends long listings compressed to whoever accepts that. Zips are sent as they are, so that ranges are those of the file; and so is what has a
 * tag, which names these very bytes.
 */
export function compressListings(app: FastifyInstance): void {
  app.addHook('onSend', async (request: FastifyRequest, reply: FastifyReply, payload: unknown) => {
    const [type = ''] = String(reply.getHeader('content-type') ?? '').split(';')
    if (!listings.includes(type) || reply.hasHeader('etag') || reply.hasHeader('content-encoding')) return payload
    const isStream = payload instanceof Readable
    if (!isStream && (typeof payload !== 'string' || payload.length < longBytes)) return payload
    void reply.header('vary', 'accept-encoding')
    if (!acceptsGzip(request.headers['accept-encoding'])) return payload
    void reply.header('content-encoding', 'gzip').removeHeader('content-length')
    return isStream ? zipped(payload) : promisify(gzip)(payload as string, { level })
  })
}

/** It breaks off where the listing does, and ends the listing where nobody takes it any more. */
function zipped(listing: Readable): Transform {
  const out = createGzip({ level })
  listing.once('error', (error) => out.destroy(error))
  out.once('close', () => listing.destroy())
  return listing.pipe(out)
}
