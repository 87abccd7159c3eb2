import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type, type Static, type TSchema } from 'typebox'
import { ReplicationError } from '../errors.ts'
import { checkerOf } from '../resources/schema.ts'

/** The query of every list; a route adds its filters beside these. */
export const pageQuery = {
  limit: Type.Integer({ default: 50, minimum: 1, maximum: 500, description: 'The most items in one page.' }),
  cursor: Type.Optional(
    Type.String({ minLength: 1, maxLength: 2000, description: 'From `next` of the page before; opaque.' }),
  ),
}

/** The answer of a list. */
export function pageSchema(item: TSchema): TSchema {
  return Type.Object({
    items: Type.Array(item),
    next: Type.Optional(Type.String({ description: 'The cursor of the next page; absent on the last.' })),
  })
}

export interface Cursor<T> {
  encode(position: T): string
  /** Throws `invalid` for what this list has never given out. */
  decode(text: string | undefined): T | undefined
}

/** Cursors of one list: where to go on, as a caller carries it. A cursor of another list is refused. */
export function cursorOf<S extends TSchema>(list: string, position: S): Cursor<Static<S>> {
  const check = checkerOf(Type.Object({ list: Type.Literal(list), at: position }, { additionalProperties: false }))
  return {
    encode: (at) => Buffer.from(JSON.stringify({ list, at })).toString('base64url'),
    decode: (text) => {
      if (text === undefined) return undefined
      const value = parse(text)
      if (value === undefined || check(value).length > 0)
        throw new ReplicationError('invalid', 'the cursor is not one that this list has given out', {
          faults: [{ pointer: '/cursor', message: 'is not a cursor of this list; begin again without one' }],
        })
      return (value as { at: Static<S> }).at
    },
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as unknown
  } catch {
    return undefined
  }
}

/** The answer with `next`, and the header `Link` that says the same as an address. */
export function sendPage<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  items: readonly T[],
  next: string | undefined,
): { items: readonly T[]; next?: string } {
  if (next === undefined) return { items }
  const url = new URL(request.url, 'http://localhost')
  url.searchParams.set('cursor', next)
  reply.header('link', `<${url.pathname}${url.search}>; rel="next"`)
  return { items, next }
}
