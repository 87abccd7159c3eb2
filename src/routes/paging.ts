import type { FastifyReply, FastifyRequest } from 'fastify'
import type { TObject, TProperties } from 'typebox'
import { ReplicationError } from '../errors.ts'
import { checkerOf } from '../resources/schema.ts'
import { Type } from '../resources/type.ts'

const page = {
  limit: Type.Integer({ default: 50, minimum: 1, maximum: 500, description: 'The most items in one page.' }),
  cursor: Type.Optional(
    Type.String({ minLength: 1, maxLength: 8000, description: 'From `next` of the page before; opaque.' }),
  ),
}

/** The query of a list; its filters beside the page. */
export function pageQuery(): TObject<typeof page>
export function pageQuery<Filters extends TProperties>(filters: Filters): TObject<typeof page & Filters>
export function pageQuery(filters: TProperties = {}): TObject {
  return Type.Object({ ...filters, ...page }, { additionalProperties: false })
}

/** A position is where the next page begins, in words of the list: the last key of this page, for example. */
const cursor = Type.Object({ after: Type.String({ minLength: 1, maxLength: 5000 }) }, { additionalProperties: false })

/** The position that a cursor stands for. Throws `invalid` for what no list has given out. */
export function cursorOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const value = decode(text)
  if (value === undefined || checkerOf(cursor)(value).length > 0) throw badCursor()
  return (value as { after: string }).after
}

/** For a position that is none of the list's. */
export function badCursor(): ReplicationError {
  return new ReplicationError('invalid', 'the cursor is not one that this list has given out', {
    faults: [{ pointer: '/cursor', message: 'is no cursor of this list; begin again without one' }],
  })
}

function decode(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as unknown
  } catch {
    return undefined
  }
}

/** The answer of a list: `next`, a position, becomes a cursor, and the header `Link` says the same as an address. */
export function nextPage<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  { items, next }: { readonly items: readonly T[]; readonly next?: string },
): { items: T[]; next?: string } {
  if (next === undefined) return { items: [...items] }
  const encoded = Buffer.from(JSON.stringify({ after: next })).toString('base64url')
  const url = new URL(request.url, 'http://localhost')
  url.searchParams.set('cursor', encoded)
  void reply.header('link', `<${url.pathname}${url.search}>; rel="next"`)
  return { items: [...items], next: encoded }
}
