/** What is wrong with an answer, by the document that promises what answers are. */
import { documentAjv, pointer, type Document } from '../../test/routes/documented.ts'
import type { Described } from './requests.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

/**
 * These alone may end with 502 or 503, and say so in the document: a version is made at another place, which may be away or answer
 * nonsense; of event streams there are so many; and who asks whether the server is ready may be told no.
 */
const mayBeAway: Readonly<Record<string, readonly number[]>> = {
  createVersion: [502, 503],
  streamEvents: [503],
  streamAgentEvents: [503],
  isReady: [503],
}

export type Check = (described: Described, answer: Answer) => string | undefined

export function checkWith(document: Document): Check {
  const ajv = documentAjv(document)
  return ({ method, template, operation }, { status, headers, body }) => {
    if (typeof headers['x-request-id'] !== 'string') return 'it has no request id'
    if (status >= 500 && mayBeAway[operation.operationId]?.includes(status) !== true) return `it is ${status}`
    const key = String(status) in operation.responses ? String(status) : status >= 400 ? 'default' : undefined
    if (key === undefined) return `the document promises no ${status}`
    const { content } = operation.responses[key] ?? {}
    if (content === undefined) return body.length === 0 ? undefined : `it has a body, and ${status} is promised without`
    const type = String(headers['content-type'] ?? '').split(';', 1)[0] ?? ''
    if (!(type in content)) return `the document promises no ${type} with ${status}`
    if (!type.endsWith('json') || type.endsWith('ndjson')) return undefined
    const text = body.toString()
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      return 'it is no JSON'
    }
    const place = pointer('paths', template, method.toLowerCase(), 'responses', key, 'content', type, 'schema')
    const validate = ajv.getSchema(`openapi#${place}`)
    if (validate === undefined) return `there is no schema at ${place}`
    if (validate(value) !== true) return `it is not as promised: ${JSON.stringify(validate.errors?.slice(0, 3))}`
    if (status >= 400 && (value as { status?: unknown }).status !== status) return 'the problem names another status'
    return undefined
  }
}
