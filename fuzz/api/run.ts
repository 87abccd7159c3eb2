/** Tries every operation of the API with requests from its own OpenAPI document, and says what is not as promised. */
import { Agent, request as send } from 'node:http'
import { anonymousBytes } from '../../bench/processes.ts'
import type { Document } from '../../test/routes/documented.ts'
import { checkWith, type Answer } from './answers.ts'
import { Draw } from './draw.ts'
import { operationsOf, requestFor, type Operation, type Request } from './requests.ts'
import { startTried, unguessable, type Tried } from './server.ts'
import { Values } from './values.ts'

/** Nothing takes so long; what does, hangs. */
const hangMs = 30_000
/** Fewer cases say nothing of growth: what is loaded and kept at first is not there yet. */
const enoughCases = 2000
const maxGrowthBytes = 64 * 1024 * 1024
const atOnce = 4
const maxKnown = 300
const maxFaults = 25

const callersDrawn = [...(['admin', 'admin', 'admin', 'mine', 'mine', 'mine', 'theirs', 'theirs', 'nobody'] as const)]

export interface Fault {
  readonly number: number
  readonly what: string
  readonly caller: string
  readonly request: string
  readonly answer: string
}

export interface Outcome {
  readonly cases: number
  readonly operations: number
  /** How many answers there were of each status. */
  readonly statuses: Readonly<Record<string, number>>
  readonly faults: readonly Fault[]
  /** What anonymous memory of the server grew by in the second half; undefined where there were too few cases. */
  readonly growthBytes: number | undefined
  readonly slowest: { readonly ms: number; readonly operation: string }
}

/** The same seed, the same cases; what is known by then depends on what the server answers. */
export async function fuzzApi({ seed, cases }: { readonly seed: number; readonly cases: number }): Promise<Outcome> {
  const tried = await startTried()
  try {
    return await tryAll(tried, seed, cases)
  } finally {
    await tried.close()
  }
}

async function tryAll(tried: Tried, seed: number, cases: number): Promise<Outcome> {
  const document: unknown = await (await fetch(`${tried.origin}/openapi.json`)).json()
  const check = checkWith(document as Document)
  const operations = operationsOf(document as { paths: Record<string, Record<string, Operation>> })
  const known: string[] = ['mine', 'mine-2', unguessable, 'dmz', 'default', '1', '2']
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce })
  const faults: Fault[] = []
  const statuses: Record<string, number> = {}
  let slowest = { ms: 0, operation: '' }
  let [next, warm] = [0, undefined as number | undefined]
  const worker = async (): Promise<void> => {
    while (next < cases && faults.length < maxFaults && tried.ended() === undefined) {
      const number = next++
      if (number === Math.floor(cases / 2) && cases >= enoughCases) warm = anonymousBytes(tried.pid)
      const draw = new Draw(seed * 1_000_003 + number)
      const described = operations[number % operations.length] ?? draw.one(operations)
      const who = draw.one(callersDrawn)
      const values = new Values(draw, { known }, document)
      const asked = withCaller(requestFor(described, draw, values, allowsIn(tried.folder)), tried.callers[who], draw)
      const beganAt = performance.now()
      const answer = await ask(tried.origin, agent, asked).catch((error: unknown) => String(error))
      const ms = Math.round(performance.now() - beganAt)
      if (ms > slowest.ms) slowest = { ms, operation: `${number} ${described.operation.operationId}` }
      const what = typeof answer === 'string' ? answer : (check(described, answer) ?? leak(who, asked, answer))
      if (typeof answer !== 'string') {
        statuses[answer.status] = (statuses[answer.status] ?? 0) + 1
        learn(known, described.template, answer)
      }
      if (what !== undefined)
        faults.push({ number, what, caller: who, request: shown(asked), answer: shownAnswer(answer) })
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  agent.destroy()
  const after = anonymousBytes(tried.pid)
  const growthBytes = warm === undefined || after === undefined ? undefined : after - warm
  const end = (what: string): void => void faults.push({ number: next, what, caller: '', request: '', answer: '' })
  const ended = tried.ended()
  if (ended !== undefined) end(`the server has ended: ${ended}`)
  else if (!(await fetch(`${tried.origin}/health/ready`)).ok) end('the server is not ready any more')
  if (growthBytes !== undefined && growthBytes > maxGrowthBytes) end(`the server has grown by ${growthBytes} bytes`)
  return { cases: next, operations: operations.length, statuses, faults, growthBytes, slowest }
}

/** A config that is obeyed reads and writes where it says: only ever below the folder, and nothing elsewhere is called. */
function allowsIn(folder: string): (body: string) => boolean {
  return (body) => {
    const names = /directory|file|openapi|rest|remote|pull|https?:/i.test(body) || /\\u/i.test(body)
    return !names || (!/"(?:path|url|file)"/i.test(body) && !/\\u00/i.test(body)) || body.includes(folder)
  }
}

function withCaller(request: Request, authorization: string | undefined, draw: Draw): Request {
  const credential = draw.chance(0.02) ? `Bearer ${'x'.repeat(draw.below(2000))}` : authorization
  return { ...request, headers: { ...request.headers, ...(credential !== undefined && { authorization: credential }) } }
}

/** Who may not see that agent hears its name from nobody but himself. */
function leak(who: string, request: Request, { body, headers }: Answer): string | undefined {
  // A package says itself where it was made, to whoever may have it.
  if (String(headers['content-type']) === 'application/zip') return undefined
  if ((who !== 'mine' && who !== 'nobody') || shown(request).includes(unguessable)) return undefined
  return `${body.toString()}${JSON.stringify(headers)}`.includes(unguessable)
    ? 'it tells of an agent that its caller may not see'
    : undefined
}

/** What may name something in later requests. Tokens are left alone, or nobody could call any more. */
function learn(known: string[], template: string, { body }: Answer): void {
  if (template.includes('/tokens') || body.length > 100_000) return
  for (const [word] of body.toString().matchAll(/\b[0-9A-HJKMNP-TV-Z]{26}\b|\bsha256-[0-9a-f]{64}\b|\beyJ[\w-]{10,}/g))
    if (!known.includes(word)) known.push(word)
  if (known.length > maxKnown) known.splice(7, known.length - maxKnown)
}

function ask(origin: string, agent: Agent, { method, path, headers, body }: Request): Promise<Answer> {
  const { hostname, port } = new URL(origin)
  return new Promise((resolve, reject) => {
    const asking = send(
      { hostname, port, method, path, headers: { ...headers, ...(body && { 'content-length': body.length }) }, agent },
      (response) => {
        const chunks: Buffer[] = []
        const end = (): void => {
          clearTimeout(limit)
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) })
        }
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk)
          // A stream has no end, and its beginning is as good.
          if (response.headers['content-type'] === 'text/event-stream') {
            end()
            asking.destroy()
          }
        })
        response.on('end', end).on('error', reject)
      },
    )
    const limit = setTimeout(() => asking.destroy(new Error(`no answer within ${hangMs / 1000} s`)), hangMs)
    asking.on('error', (error) => {
      clearTimeout(limit)
      reject(error)
    })
    asking.end(body)
  })
}

function shown({ method, path, headers, body }: Request): string {
  const { authorization: _, ...others } = headers
  return `${method} ${path} ${JSON.stringify(others)} ${body?.toString() ?? ''}`
}

function shownAnswer(answer: Answer | string): string {
  return typeof answer === 'string' ? answer : `${answer.status} ${answer.body.toString().slice(0, 1500)}`
}
