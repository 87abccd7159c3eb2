import { Readable } from 'node:stream'
import { ReplicationError } from '../../errors.ts'
import { parsePath, quote, type ResourcePath } from '../../resources/path.ts'
import type { Resource, ResourceState } from '../../resources/resource.ts'
import type { ReadOptions, Source } from '../endpoint.ts'
import type { HttpCaller } from '../http-caller.ts'
import { maxLineBytes, smallBytes, unframed, type Unframed } from './contents.ts'

/** So many resources are one question, and so many characters of their paths. */
const askedTogether = { paths: 1000, characters: 128 * 1024 }
/** Where there is no such question so many single ones are asked at a time: one by one each would take a trip there and back. */
const askedAtOnce = 16

/** What the other server's agent has at its target, asked for over its API. */
export function remoteHoldings(caller: HttpCaller, agent: string): Source {
  const place = `/replication/agent/${agent}/holdings`
  const list = (path: ResourcePath, signal: AbortSignal, deep = true): AsyncGenerator<ResourceState> =>
    listed(caller, `${place}?${new URLSearchParams({ path, deep: String(deep) }).toString()}`, signal)
  const contentOf = (path: ResourcePath): string => `${place}/content?${new URLSearchParams({ path }).toString()}`
  const pickOne = async (path: ResourcePath, signal: AbortSignal): Promise<Resource | undefined> => {
    try {
      const bytes = await smallAt(caller, contentOf(path), signal)
      if (bytes !== undefined) return { path, content: () => bytes }
      return { path, content: () => Readable.from(contentAt(caller, contentOf(path), signal), { objectMode: false }) }
    } catch (error) {
      // It is a folder, or nothing.
      if (!(error instanceof ReplicationError) || error.code !== 'missing') throw error
      return undefined
    }
  }
  async function* oneByOne(paths: readonly ResourcePath[], signal: AbortSignal): AsyncGenerator<Resource> {
    const asked: Promise<Resource | undefined>[] = []
    let next = 0
    while (asked.length > 0 || next < paths.length) {
      for (; next < paths.length && asked.length < askedAtOnce; next++) {
        const one = pickOne(paths[next] as ResourcePath, signal)
        // Whoever comes to it hears of it.
        one.catch(() => undefined)
        asked.push(one)
      }
      const found = await asked.shift()
      if (found !== undefined) yield found
    }
  }
  return {
    list: (path, signal) => list(path, signal),
    async listedAs(path, listings, signal, delivery) {
      const asked = `${place}?${new URLSearchParams({ path }).toString()}`
      const headers = {
        'if-none-match': listings.map((listing) => `"${listing}"`).join(', '),
        ...(delivery !== undefined && { 'package-delivery': delivery }),
      }
      // One that is older than the question lists it to itself, and says that there is something; so does for several who knows of one only.
      const answer = await caller.call('HEAD', asked, { signal, headers, unchanged: true })
      return answer.status === 304 ? listings.find((listing) => answer.headers['etag'] === `"${listing}"`) : undefined
    },
    async *pick(paths, signal) {
      for (const some of inQuestions(paths)) {
        const answered = some.length === 1 ? undefined : await contentsAt(caller, `${place}/content`, some, signal)
        if (answered === undefined) yield* oneByOne(some, signal)
        else
          for await (const { path, bytes } of answered) {
            const found = bytes === undefined ? await pickOne(path, signal) : { path, content: () => bytes }
            if (found !== undefined) yield found
          }
      }
    },
    async *read(path: ResourcePath, { deep, includes, signal }: ReadOptions): AsyncGenerator<Resource> {
      let nothing = true
      for await (const { path: at, digest } of list(path, signal, deep)) {
        nothing = false
        if (includes?.(at) === false) continue
        const content = (): Readable => Readable.from(contentAt(caller, contentOf(at), signal), { objectMode: false })
        yield { path: at, ...(digest !== undefined && { content }) }
      }
      if (nothing) throw new ReplicationError('missing', `nothing is at ${quote(path)}`)
    },
  }
}

function* inQuestions(paths: readonly ResourcePath[]): Generator<readonly ResourcePath[]> {
  let some: ResourcePath[] = []
  let characters = 0
  for (const path of paths) {
    some.push(path)
    characters += path.length
    if (some.length < askedTogether.paths && characters < askedTogether.characters) continue
    yield some
    some = []
    characters = 0
  }
  if (some.length > 0) yield some
}

/** What there is at these paths. Undefined: the other server is older than the question. */
async function contentsAt(
  caller: HttpCaller,
  place: string,
  paths: readonly ResourcePath[],
  signal: AbortSignal,
): Promise<AsyncIterable<Unframed> | undefined> {
  const asked = Buffer.from(JSON.stringify({ paths }))
  const headers = { 'content-type': 'application/json', 'content-length': String(asked.length), accept: '*/*' }
  try {
    const { body } = await caller.download('POST', place, { signal, headers, body: () => Readable.from([asked]) })
    return contentsIn(caller, body, signal)
  } catch (error) {
    if (error instanceof ReplicationError && error.code === 'missing') return undefined
    throw error
  }
}

async function* contentsIn(
  caller: HttpCaller,
  body: Readable,
  signal: AbortSignal,
): AsyncGenerator<Unframed, void, void> {
  try {
    yield* unframed(body, () => brokenOff(caller))
  } catch (error) {
    signal.throwIfAborted()
    throw error instanceof ReplicationError ? error : brokenOff(caller, error)
  } finally {
    body.destroy()
  }
}

/** A small content, whole; of a large one nothing is read. */
async function smallAt(caller: HttpCaller, place: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
  const { headers, body } = await caller.download('GET', place, { signal, headers: { accept: '*/*' } })
  try {
    const length = Number(headers['content-length'] ?? Infinity)
    if (length > smallBytes) return undefined
    const bytes = Buffer.concat((await body.toArray()) as Buffer[])
    if (bytes.length === length) return bytes
  } catch (error) {
    signal.throwIfAborted()
    throw error instanceof ReplicationError ? error : brokenOff(caller, error)
  } finally {
    body.destroy()
  }
  throw brokenOff(caller)
}

async function* contentAt(caller: HttpCaller, place: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const { body } = await caller.download('GET', place, { signal, headers: { accept: '*/*' } })
  try {
    // What breaks off is an error by itself: its length was said, or its last chunk is missing.
    yield* body as AsyncIterable<Uint8Array>
  } catch (error) {
    signal.throwIfAborted()
    throw error instanceof ReplicationError ? error : brokenOff(caller, error)
  }
}

/** The last line says how many there were: without it the listing is not complete. */
async function* listed(caller: HttpCaller, place: string, signal: AbortSignal): AsyncGenerator<ResourceState> {
  const { body } = await caller.download('GET', place, { signal, headers: { accept: 'application/x-ndjson' } })
  let count = 0
  try {
    for await (const line of linesOf(body)) {
      const { path, digest, size, end } = parsed(line)
      if (end !== undefined) {
        if (end === count) return
        break
      }
      count++
      yield {
        path: parsePath(path ?? ''),
        ...(digest !== undefined && { digest }),
        ...(size !== undefined && { size }),
      }
    }
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof ReplicationError) throw error
    throw brokenOff(caller, error)
  } finally {
    body.destroy()
  }
  throw brokenOff(caller)
}

interface Line {
  readonly path?: string
  readonly digest?: string
  readonly size?: number
  readonly end?: number
}

function parsed(line: string): Line {
  try {
    return JSON.parse(line) as Line
  } catch (cause) {
    throw new ReplicationError('rejected', 'the other server lists in lines that cannot be read', { cause })
  }
}

async function* linesOf(body: Readable): AsyncGenerator<string> {
  let held = ''
  body.setEncoding('utf8')
  for await (const text of body as AsyncIterable<string>) {
    held += text
    let from = 0
    for (let end = held.indexOf('\n'); end >= 0; end = held.indexOf('\n', from)) {
      yield held.slice(from, end)
      from = end + 1
    }
    held = held.slice(from)
    if (held.length > maxLineBytes) throw new ReplicationError('rejected', 'the other server lists in endless lines')
  }
}

function brokenOff({ origin }: HttpCaller, cause?: unknown): ReplicationError {
  return new ReplicationError('unavailable', `${origin} broke off in the middle of what its target holds`, { cause })
}
