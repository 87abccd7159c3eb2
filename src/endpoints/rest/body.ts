/** What an answer says: documents in JSON or YAML, in whatever form services send them. */
import type { Readable } from 'node:stream'
import { parseJson } from '../../documents/json.ts'
import type { Value } from '../../documents/value.ts'
import { parseYaml } from '../../documents/yaml.ts'
import { ReplicationError } from '../../errors.ts'
import { elementsOf } from './elements.ts'
import { reasonOf } from './patience.ts'
import { shown, type Reply } from './reply.ts'

/** A page that is no array is held as a whole. */
const maxPageBytes = 128 * 1024 * 1024

export type Language = 'json' | 'yaml'

/** What a reply is written in, by its media type; undefined for what is no document. */
export function languageOf({ headers }: Reply): Language | undefined {
  const header = headers['content-type']
  if (header === undefined) return 'json'
  const [type = ''] = String(header).toLowerCase().split(';')
  const name = type.trim()
  if (/^(?:application|text)\/(?:[^/]+\+)?json$/.test(name)) return 'json'
  return /^(?:application|text)\/(?:[^/]+\+|x-|vnd\.)?yaml$/.test(name) ? 'yaml' : undefined
}

/** The one document of a reply. Throws `invalid`. */
export async function documentOf(reply: Reply, language = languageOf(reply)): Promise<Value> {
  if (language === undefined)
    throw new ReplicationError(
      'invalid',
      `${shown(reply.uri)} answered ${typeNameOf(reply)}, which is neither JSON nor YAML`,
    )
  const text = textIn(await wholeOf(reply), reply)
  return named(reply, () => (language === 'json' ? parseJson(text) : (parseYaml(text) ?? null)))
}

/** What a page says: the members of an array, one by one however many there are, or one document. */
export type Page = { readonly members: AsyncIterable<Value> } | { readonly document: Value }

/** Throws `invalid`; what comes later of a long array throws it, or `unavailable`, while it is read. */
export async function pageOf(reply: Reply, language = languageOf(reply)): Promise<Page> {
  if (reply.rest !== undefined && language === 'json' && isArray(reply.body))
    return { members: streamed(reply, reply.rest) }
  const document = await documentOf(reply, language)
  return Array.isArray(document) ? { members: each(document as readonly Value[]) } : { document }
}

async function* each(values: readonly Value[]): AsyncGenerator<Value, void, void> {
  yield* values
}

async function* streamed(reply: Reply, rest: Readable): AsyncGenerator<Value, void, void> {
  try {
    for await (const element of elementsOf(chained(reply.body, rest)))
      yield named(reply, () => parseJson(element.toString()))
  } catch (cause) {
    if (cause instanceof ReplicationError) throw cause
    throw brokenOff(reply, cause)
  }
}

async function* chained(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  yield first
  yield* rest
}

function isArray(body: Buffer): boolean {
  return /^\ufeff?\s*\[/.test(body.toString('utf8', 0, 1000))
}

/** All of it. Throws `too-large`, `unavailable`. */
export async function wholeOf(reply: Reply, maxBytes = maxPageBytes): Promise<Buffer> {
  if (reply.rest === undefined) return reply.body
  const chunks = [reply.body]
  let size = reply.body.length
  try {
    for await (const chunk of reply.rest as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      size += chunk.length
      if (size > maxBytes)
        throw new ReplicationError(
          'too-large',
          `${shown(reply.uri)} answered more than ${maxBytes} bytes; have it answer smaller pages (\`limit\`)`,
        )
    }
  } catch (cause) {
    if (cause instanceof ReplicationError) throw cause
    throw brokenOff(reply, cause)
  }
  return Buffer.concat(chunks)
}

function brokenOff({ uri }: Reply, cause: unknown): ReplicationError {
  return new ReplicationError('unavailable', `the answer of ${shown(uri)} broke off: ${reasonOf(cause)}`, { cause })
}

function textIn(bytes: Buffer, reply: Reply): string {
  const coding = reply.headers['content-encoding']
  if (coding !== undefined && coding !== 'identity')
    throw new ReplicationError('invalid', `${shown(reply.uri)} answered in ${String(coding)}, which was not asked for`)
  const charset = /;\s*charset="?([^\s";]+)/i.exec(String(reply.headers['content-type'] ?? ''))?.[1] ?? 'utf-8'
  try {
    return new TextDecoder(charset, { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new ReplicationError('invalid', `${shown(reply.uri)} answered bytes that are no text in ${charset}`, {
      cause,
    })
  }
}

function named<T>({ uri }: Reply, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof ReplicationError)) throw error
    throw new ReplicationError(error.code, `${shown(uri)}: ${error.message}`, { cause: error })
  }
}

function typeNameOf({ headers }: Reply): string {
  return String(headers['content-type'] ?? 'no media type').slice(0, 100)
}
