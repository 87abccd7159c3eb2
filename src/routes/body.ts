import formbody from '@fastify/formbody'
import multipart from '@fastify/multipart'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ReplicationError } from '../errors.ts'
import { multipartLimits, partsOf } from './import-body.ts'

/** No document of ours is half as deep; deeper ones are made to exhaust the stack of whoever walks them. */
const maxDepth = 64

/** What bodies become, by media type. Which of these a route takes is said where the route is (`body.types`). */
export async function parseBodies(app: FastifyInstance, limits: { readonly maxUploadBytes: number }): Promise<void> {
  app.removeAllContentTypeParsers()
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser<Buffer>(
    ['application/json', 'application/merge-patch+json'],
    { parseAs: 'buffer' },
    (request, body, done) => {
      try {
        const text = textOf(body)
        // Some clients always name a type. Whoever needs a body says that it is missing.
        if (text === '') done(null, undefined)
        else void parse(request, text, (error, value) => (error === null ? done(null, value) : done(whyNotJson(text))))
      } catch (error) {
        done(error as Error)
      }
    },
  )
  // Streams: whoever takes these types reads them.
  app.addContentTypeParser(['application/zip', 'application/octet-stream'], (_request, stream, done) => {
    done(null, stream)
  })
  await app.register(formbody)
  const { limits: counts, ...how } = multipartLimits
  await app.register(multipart, { ...how, limits: { ...counts, fileSize: limits.maxUploadBytes } })
}

function textOf(body: Buffer): string {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch (cause) {
    throw new ReplicationError('invalid', 'the body is not UTF-8', { cause })
  }
  if (depthOf(text) > maxDepth)
    throw new ReplicationError('invalid', `the body is nested more than ${maxDepth} levels deep`)
  return text
}

function depthOf(json: string): number {
  let depth = 0
  let deepest = 0
  let quoted = false
  for (let i = 0; i < json.length; i++) {
    const character = json[i]
    if (quoted) {
      if (character === '\\') i++
      else if (character === '"') quoted = false
    } else if (character === '"') quoted = true
    else if (character === '{' || character === '[') deepest = Math.max(deepest, ++depth)
    else if (character === '}' || character === ']') depth--
  }
  return deepest
}

function whyNotJson(text: string): ReplicationError {
  try {
    JSON.parse(text)
    return new ReplicationError('invalid', 'the body has a property __proto__ or constructor.prototype')
  } catch (error) {
    return new ReplicationError('invalid', `the body is not JSON: ${(error as Error).message}`)
  }
}

/** A preValidation hook: the fields of a multipart form become the body, as those of a plain form do. */
export async function readForm(request: FastifyRequest): Promise<void> {
  if (!request.isMultipart()) return
  const fields = new Map<string, unknown>()
  for await (const part of partsOf(request)) {
    if (part.type === 'file')
      throw new ReplicationError('invalid', `this call takes no file, and ${part.fieldname} is one`)
    const before = fields.get(part.fieldname)
    fields.set(part.fieldname, before === undefined ? part.value : [before, part.value].flat())
  }
  request.body = Object.fromEntries(fields)
}
