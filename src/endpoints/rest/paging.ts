/** Which pages a page leads to. */
import type { Link } from '../../documents/schema.ts'
import { fieldOf, isNumber, textOf, type Value } from '../../documents/value.ts'
import type { Reply } from './reply.ts'

/** Links in headers (RFC 8288). */
export function headerLinks({ headers }: Reply): Link[] {
  const header = headers['link']
  const text = Array.isArray(header) ? header.join(', ') : (header ?? '')
  const links: Link[] = []
  for (const [, href = '', parameters = ''] of text.matchAll(
    /<([^>]*)>((?:\s*;\s*[^\s=;,]+\s*=\s*(?:"[^"]*"|[^\s;,]*))*)/g,
  )) {
    const rels = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,]*))/i.exec(parameters)
    for (const rel of (rels?.[1] ?? rels?.[2] ?? '').split(/\s+/)) if (rel !== '') links.push({ rel, href })
  }
  return links
}

export function isNext(rel: string): boolean {
  return rel === 'next'
}

export function isPageLink(rel: string): boolean {
  return rel === 'next' || rel === 'prev' || rel === 'previous'
}

/** Members that name the next page: its URI, or a cursor that goes into the query. */
const nextNames = ['next', 'nextCursor', 'next_cursor']

export function memberLinks(document: Value, uri: string): Link[] {
  for (const name of nextNames) {
    const member = fieldOf(document, name)
    const text = textOf(member) ?? textOf(fieldOf(member, 'href'))
    if (text === undefined || text === '') continue
    return [{ rel: 'next', href: /^(?:https?:|[/?.])/.test(text) ? text : withQuery(uri, { cursor: text }) }]
  }
  return []
}

/** Where a page by its own count, or by that of a header, is not the last one: the offset behind it. */
export function nextByOffset(reply: Reply, document: Value | undefined, members: number): string | undefined {
  const total = numberIn(fieldOf(document, 'count')) ?? numberIn(fieldOf(document, 'total')) ?? headerCount(reply)
  const offset = numberIn(fieldOf(document, 'offset')) ?? Number(new URL(reply.uri).searchParams.get('offset') ?? 0)
  // Of a document that has a count but no offset nobody knows what it counts.
  if (total === undefined || (document !== undefined && fieldOf(document, 'offset') === undefined)) return undefined
  const next = Math.max(0, offset) + members
  if (next >= total) return undefined
  const limit = textOf(fieldOf(document, 'limit'))
  return withQuery(reply.uri, { offset: String(next), ...(limit !== undefined && { limit }) })
}

function headerCount({ headers }: Reply): number | undefined {
  const text = headers['x-total-count']
  return typeof text === 'string' && /^\d+$/.test(text) ? Number(text) : undefined
}

function numberIn(value: Value | undefined): number | undefined {
  return isNumber(value) ? Number(value.value) : undefined
}

function withQuery(uri: string, parameters: Readonly<Record<string, string>>): string {
  const url = new URL(uri)
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return url.href
}
