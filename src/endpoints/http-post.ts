import { request } from 'undici'
import { ReplicationError } from '../errors.ts'
import { agentsWithin } from './bounded-connect.ts'
import type { HostBounds } from './bounds/hosts.ts'
import { waitOf } from './http-caller.ts'
import { shown } from './rest/reply.ts'

/** Only the status of an answer counts; more of its body than this is not even read to keep the connection. */
const maxAnswerBytes = 65_536

const agentWithin = agentsWithin({}, 10_000)

export interface Posting {
  readonly method?: 'GET' | 'POST'
  /** What errors call the receiver; by default the URL without its query. */
  readonly name?: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** After so long without an answer it has failed. */
  readonly deadlineMs: number
  readonly signal: AbortSignal
  /** Absent: wherever the URL leads. */
  readonly hosts?: HostBounds | undefined
}

export interface Posted {
  readonly status: number
  /** How long the other side asked us to wait. */
  readonly retryAfterMs?: number
}

/** Posts a text once, or asks with GET, and follows no redirect. Throws `unavailable` where no answer comes, `forbidden`. */
export async function post(
  url: string,
  { method = 'POST', name = shown(url), headers, body, deadlineMs, signal, hosts }: Posting,
): Promise<Posted> {
  const deadline = AbortSignal.timeout(deadlineMs)
  const until = AbortSignal.any([signal, deadline])
  try {
    await hosts?.demand(new URL(url).hostname)
    const answer = await request(url, {
      method,
      headers: { ...headers },
      body: body ?? null,
      dispatcher: agentWithin(hosts),
      signal: until,
    })
    await answer.body.dump({ limit: maxAnswerBytes, signal: until }).catch(() => undefined)
    const retryAfterMs = waitOf(answer.headers['retry-after'])
    return { status: answer.statusCode, ...(retryAfterMs !== undefined && { retryAfterMs }) }
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof ReplicationError) throw cause
    const why = deadline.aborted ? `within ${deadlineMs / 1000} s` : `(${reasonOf(cause)})`
    throw new ReplicationError('unavailable', `${name} gave no answer ${why}`, { cause })
  }
}

/** Why a call came to nothing. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return error instanceof ReplicationError ? message : (code ?? message)
}
