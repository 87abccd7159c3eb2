/** One request for an operation of an OpenAPI document: valid, nearly valid, or hostile. */
import type { Draw } from './draw.ts'
import { hostile, type Schema, type Values } from './values.ts'

export interface Operation {
  readonly operationId: string
  readonly parameters?: readonly {
    readonly name: string
    readonly in: string
    readonly required?: boolean
    readonly schema?: Schema
  }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>
}

export interface Described {
  readonly method: string
  readonly template: string
  readonly operation: Operation
}

export interface Request {
  readonly method: string
  /** As it goes over the wire. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | undefined
}

export function operationsOf(document: {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}): Described[] {
  return Object.entries(document.paths).flatMap(([template, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), template, operation })),
  )
}

const oddHeaders: readonly (readonly [string, string])[] = [
  ...(['accept', 'accept-encoding', 'if-match', 'if-none-match', 'range', 'if-range', 'prefer'] as const).flatMap(
    (name) => [[name, 'a,'.repeat(1000)] as const, [name, '*'] as const, [name, '\u00ff"'] as const],
  ),
  ...([
    ['range', `bytes=${'0-1,'.repeat(500)}0-1`],
    ['range', 'bytes=-0'],
    ['range', 'bytes=9-1'],
  ] as const),
  ...([
    ['last-event-id', '-1'],
    ['last-event-id', '9'.repeat(400)],
    ['prefer', 'wait=-1'],
    ['prefer', 'wait=1e9'],
  ] as const),
  ...([
    ['idempotency-key', 'k'],
    ['idempotency-key', 'k'.repeat(300)],
    ['content-encoding', 'gzip'],
    ['package-epoch', '-1'],
  ] as const),
  ...([
    ['package-id', 'x'],
    ['x-request-id', 'a'.repeat(200)],
    ['traceparent', '00-x-y-z'],
    ['cookie', 'trebuchet-session=x'],
  ] as const),
  ...([
    ['accept', 'application/x-ndjson'],
    ['accept', 'application/zip'],
    ['origin', 'https://evil.example'],
    ['expect', 'x'],
  ] as const),
]

/** `allows` says of a body whether a server may get it: one that is obeyed could reach out of its folder. */
export function requestFor(
  { method, template, operation }: Described,
  draw: Draw,
  values: Values,
  allows: (body: string) => boolean,
): Request {
  const wild = draw.one([0, 0, 0.03, 0.15, 0.5])
  const text = (schema: Schema | undefined): string => {
    const value = values.of(schema ?? {}, wild)
    return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  }
  const params = operation.parameters ?? []
  const path = template.replaceAll(/\{([^}]+)\}/g, (_, name: string) => {
    const schema = params.find((one) => one.in === 'path' && one.name === name)?.schema
    const segment = draw.chance(wild / 3) ? draw.one(hostile) : (values.known(formOf(name, template)) ?? text(schema))
    return draw.chance(0.02) ? segment.replaceAll(/[^!-~]|[?#]/g, '') : encode(segment)
  })
  const query = params
    .filter(({ in: place, required }) => place === 'query' && (required === true || draw.chance(0.3)))
    .map(({ name, schema }) => `${name}=${encode(text(schema))}`)
  if (draw.chance(wild / 3)) query.push(`${encode(draw.one(hostile))}=${encode(draw.one(hostile))}`)
  const headers: Record<string, string> = {}
  for (const { name, schema, in: place } of params)
    if (place === 'header' && draw.chance(0.2)) headers[name.toLowerCase()] = printable(text(schema))
  if (draw.chance(wild)) Object.assign(headers, Object.fromEntries([draw.one(oddHeaders)]))
  // A wait is no hang, and the longest of all cases.
  if (headers['prefer']?.includes('wait') === true) headers['prefer'] = 'wait=0'
  const body = bodyFor(operation, draw, values, wild, headers)
  const admitted = body === undefined || allows(body.toString('latin1')) ? body : Buffer.from('{}')
  return { method, path: query.length > 0 ? `${path}?${query.join('&')}` : path, headers, body: admitted }
}

/** What there is of that name, by how it looks. */
function formOf(name: string, template: string): RegExp {
  if (name === 'name') return /^(?:mine|theirs-)/
  if (name === 'queue' || name === 'target') return /^(?:default|dmz)$/
  if (name === 'number') return /^[12]$/
  return template.includes('/packages/') ? /^sha256-/ : /^[0-9A-Z]{26}$/
}

function bodyFor(
  { requestBody }: Operation,
  draw: Draw,
  values: Values,
  wild: number,
  headers: Record<string, string>,
): Buffer | undefined {
  if (requestBody === undefined) return draw.chance(wild / 4) ? Buffer.from(draw.one(hostile)) : undefined
  if (draw.chance(0.03)) return undefined
  const [type, { schema }] = draw.one(Object.entries(requestBody.content))
  headers['content-type'] = draw.chance(wild / 8)
    ? draw.one(['text/plain', 'application/json;charset=utf-7', '', 'multipart/form-data'])
    : type
  const value = values.of(schema, wild)
  const whole = Buffer.from(written(type, value, draw, headers))
  if (!draw.chance(wild / 3)) return whole
  const broken = Buffer.from(whole.subarray(0, draw.below(whole.length + 1)))
  if (broken.length > 0) broken[draw.below(broken.length)] = draw.below(256)
  return draw.chance(0.1) ? Buffer.from('['.repeat(100_000)) : broken
}

function written(type: string, value: unknown, draw: Draw, headers: Record<string, string>): string | Buffer {
  const fields = typeof value === 'object' && value !== null ? Object.entries(value) : [['a', value] as const]
  const plain = (one: unknown): string => (typeof one === 'string' ? one : (JSON.stringify(one) ?? ''))
  if (type.includes('json')) return JSON.stringify(value) ?? 'null'
  if (type === 'application/x-www-form-urlencoded')
    return fields.map(([name, one]) => `${encode(name)}=${encode(plain(one))}`).join('&')
  if (type === 'multipart/form-data') {
    headers['content-type'] = 'multipart/form-data; boundary=B'
    const named = draw.chance(0.1) ? Array.from({ length: 5000 }, () => ['x', 'y'] as const) : fields
    const parts = named.map(
      ([name, one]) => `--B\r\ncontent-disposition: form-data; name="${printable(name)}"\r\n\r\n${plain(one)}\r\n`,
    )
    const file = `--B\r\ncontent-disposition: form-data; name="package"; filename="p.zip"\r\ncontent-type: application/zip\r\n\r\nPK\x03\x04\r\n`
    return `${parts.join('')}${draw.chance(0.5) ? file : ''}--B--\r\n`
  }
  return draw.one(['', 'PK\x03\x04', 'PK\x05\x06'.padEnd(22, '\0'), 'x'.repeat(1000)])
}

function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}

function printable(text: string): string {
  return text.replaceAll(/[^ -~\u00a1-\u00ff]|"/g, '?')
}
