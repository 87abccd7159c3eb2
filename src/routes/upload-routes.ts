import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ReplicationError } from '../errors.ts'
import type { UploadName } from '../packages/unfinished.ts'
import { Type } from '../resources/type.ts'
import { feedOf, textOf } from './command-headers.ts'
import { agentName } from './command-schemas.ts'
import { answer, problems } from './conventions.ts'
import type { RouteParts } from './parts.ts'

const params = Type.Object({ name: agentName })
const size = (description: string) => Type.String({ pattern: '^[0-9]{1,15}$', description })

const names = {
  'Idempotency-Key': Type.String({ description: 'That of the import.' }),
  'Package-Tag': Type.String({ description: 'Names the bytes of the zip: other bytes have another.' }),
  'Upload-Length': size('Bytes of the whole zip.'),
  'Package-Epoch': Type.Optional(size('Of its lane: of several senders only that with the newest goes on.')),
}

/** Of an import, as documentation: what of them belongs to an upload that may go on. */
export const uploadHeaders = Type.Object({
  ...Object.fromEntries(Object.entries(names).map(([name, schema]) => [name, Type.Optional(schema)])),
  'Upload-Offset': Type.Optional(size('The zip, or its part of the form, begins with this byte. 0 if absent.')),
  'Upload-Complete': Type.Optional(
    Type.Enum(['?1'], { description: 'Nothing comes behind this request: an upload is not cut up on purpose.' }),
  ),
})

interface Resumption extends UploadName {
  readonly from: number
}

/**
 * What an import says of an upload that may go on when it breaks off: header names as in draft-ietf-httpbis-resumable-upload. Undefined for
 * one that says nothing of it. Throws `invalid`.
 */
export function resumptionOf(request: FastifyRequest): Resumption | undefined {
  const [tag, length, offset, complete] = ['package-tag', 'upload-length', 'upload-offset', 'upload-complete'].map(
    (name) => textOf(request, name),
  )
  const key = request.headers['idempotency-key']
  if (complete !== undefined && complete !== '?1')
    throw new ReplicationError('invalid', 'the rest of a package comes in one request: Upload-Complete is ?1')
  if (offset === undefined && (tag === undefined || length === undefined || key === undefined)) return undefined
  if (tag === undefined || length === undefined || key === undefined)
    throw new ReplicationError('invalid', 'Upload-Offset needs Idempotency-Key, Package-Tag and Upload-Length')
  const { caller, url } = request
  const of = { tag, length: bytesOf(length), epoch: feedOf(request).feed?.epoch ?? 0 }
  const from = bytesOf(offset ?? '0')
  if (from > 0 && from >= of.length)
    throw new ReplicationError('invalid', 'Upload-Offset must be less than Upload-Length')
  return { ...of, from, key: JSON.stringify([caller.id, url.split('?', 1)[0], key]) }
}

function bytesOf(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new ReplicationError('invalid', 'Upload-Length and Upload-Offset are numbers of bytes')
}

/** How much is here of an import that broke off. */
export function uploadRoutes(app: FastifyInstance, parts: RouteParts): void {
  receivedRoute(app, parts, {
    url: '/agent/:name/import',
    operationId: 'getUpload',
    summary: 'How much is here of an import that broke off: it may be repeated from there on, with Upload-Offset',
  })
}

/** The same of whatever is uploaded at this address. */
export function receivedRoute(
  app: FastifyInstance,
  parts: RouteParts,
  { url, operationId, summary }: { readonly url: string; readonly operationId: string; readonly summary: string },
): void {
  app.get<{ Params: { name: string } }>(
    url,
    {
      config: { needs: 'import' },
      schema: {
        ...{ operationId, summary, tags: ['commands'], params, headers: Type.Object(names) },
        response: {
          200: answer({
            description:
              'How many bytes from the beginning are here; 0 of what has never come, and of what is no longer kept',
            headers: { 'Upload-Offset': Type.Integer(), 'Upload-Complete': Type.String() },
            schema: Type.Object({ received: Type.Integer({ minimum: 0 }) }, { additionalProperties: false }),
          }),
          ...problems('conflict'),
        },
      },
    },
    async (request, reply) => {
      const upload = resumptionOf(request)
      if (upload === undefined)
        throw new ReplicationError(
          'invalid',
          'Idempotency-Key, Package-Tag and Upload-Length say which upload is meant',
        )
      await parts.idempotency.cutOlder({
        ...{ caller: request.caller.id, method: 'POST', path: request.url.split('?', 1)[0] ?? '' },
        ...{ key: String(request.headers['idempotency-key']), epoch: upload.epoch },
      })
      const received = await parts.packages.unfinished.received(upload)
      void reply.headers({ 'upload-offset': received, 'upload-complete': '?0' })
      return { received }
    },
  )
}
