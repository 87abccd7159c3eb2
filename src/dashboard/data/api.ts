/** The one door to the server: its public API, under the prefix that documentation uses. */

import { fromPage, look } from './door.ts'

export const prefix = '/replication'

export interface Fault {
  readonly pointer: string
  readonly message: string
}

/** What the server answered instead (RFC 9457), or why it did not answer. */
export class Problem extends Error {
  readonly status: number
  readonly code: string
  readonly faults: readonly Fault[]
  readonly requestId: string | undefined

  constructor(of: { status: number; code: string; detail: string; faults?: readonly Fault[]; requestId?: string }) {
    super(of.detail)
    this.status = of.status
    this.code = of.code
    this.faults = of.faults ?? []
    this.requestId = of.requestId
  }
}

export interface Answer<T> {
  readonly status: number
  readonly body: T
  readonly etag: string | undefined
  readonly location: string | undefined
}

export interface Call {
  readonly method?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
  /** For what has no prefix. */
  readonly below?: string
}

/** `path` begins behind the prefix. Throws Problem, or what the signal was aborted with. */
export async function call<T>(
  path: string,
  { method = 'GET', body, headers, signal, below = prefix }: Call = {},
): Promise<Answer<T>> {
  let response: Response
  try {
    response = await fetch(below + path, {
      method,
      headers: { ...fromPage, ...(body !== undefined && { 'Content-Type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal !== undefined && { signal }),
    })
  } catch (cause) {
    signal?.throwIfAborted()
    throw new Problem({ status: 0, code: 'unavailable', detail: `The server cannot be reached (${String(cause)}).` })
  }
  look(response)
  const text = await response.text()
  if (!response.ok) throw problemIn(response, text)
  return {
    status: response.status,
    body: (text === '' ? undefined : JSON.parse(text)) as T,
    etag: response.headers.get('etag') ?? undefined,
    location: response.headers.get('location') ?? undefined,
  }
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await call<T>(path, { signal })).body
}

export async function post<T>(path: string, body?: unknown): Promise<T> {
  return (await call<T>(path, { method: 'POST', body })).body
}

export interface Page<T> {
  readonly items: readonly T[]
  readonly next?: string
}

/** Every page of a list, one after the other. */
export async function* pages<T>(path: string, query: Query = {}, signal?: AbortSignal): AsyncGenerator<readonly T[]> {
  for (let cursor: string | undefined; ;) {
    const page = await get<Page<T>>(withQuery(path, { ...query, cursor }), signal)
    yield page.items
    if (page.next === undefined) return
    cursor = page.next
  }
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>

export function withQuery(path: string, query: Query): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, String(value)]],
  )
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`
}

/** A path of the API out of its segments. */
export function at(...segments: readonly string[]): string {
  return segments.map((segment) => `/${encodeURIComponent(segment)}`).join('')
}

export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error
  return new Problem({ status: 0, code: 'page', detail: error instanceof Error ? error.message : String(error) })
}

interface ProblemBody {
  readonly code?: string
  readonly detail?: string
  readonly errors?: readonly Fault[]
  readonly requestId?: string
  readonly statusList?: readonly { readonly error?: { readonly detail: string } }[]
}

function problemIn(response: Response, text: string): Problem {
  let body: ProblemBody = {}
  try {
    body = JSON.parse(text) as ProblemBody
  } catch {
    // A proxy in between may answer in its own words.
  }
  const detail = body.statusList?.[0]?.error?.detail ?? body.detail ?? `The server answered ${response.status}.`
  return new Problem({
    ...{ status: response.status, code: body.code ?? 'unknown', detail },
    ...(body.errors && { faults: body.errors }),
    ...(body.requestId !== undefined && { requestId: body.requestId }),
  })
}
