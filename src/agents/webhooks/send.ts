import { createHmac } from 'node:crypto'
import { post } from '../../endpoints/http-post.ts'
import { errorView, ReplicationError, type ErrorView } from '../../errors.ts'
import { backoffMs } from '../../queues/backoff.ts'
import type { Again } from '../../queues/work.ts'
import { putExpiring } from '../../state/expiry.ts'
import { below, type Entry, type Store, type Write } from '../../state/store.ts'
import { hookWithSecrets, type Hook, type ReadyHook } from '../config/hooks.ts'
import { eventWrites } from '../events/events.ts'
import type { Parts } from '../parts.ts'
import { keptBy } from '../retention/history.ts'
import { pendingWrites } from './outbox.ts'
import { aboutOf, dueBelow, dueKey, hookOf, messageKey, type HookMessage } from './records.ts'

const deadlineMs = 15_000
/** How long one receiver is served before others have their turn. */
const turnMs = 200
const dayMs = 24 * 3_600_000
/** Times of other lengths would be out of order. */
const lastTime = Date.UTC(9999, 11, 31)

/** Sends what is due to one receiver. Answers when the next is due. */
export async function sendDue(
  parts: Parts,
  agent: string,
  hook: string,
  signal: AbortSignal,
): Promise<Again | undefined> {
  const end = performance.now() + turnMs
  for (;;) {
    const [first] = await parts.store.range({ ...below(dueBelow(agent, hook)), limit: 1 })
    if (first === undefined) return undefined
    const [, , , time = '', id = ''] = first.key.split('/')
    const at = Date.parse(time)
    if (at > Date.now()) return { at }
    if (performance.now() > end) return { at: 0 }
    const message = await parts.store.get<HookMessage>(messageKey(agent, id))
    // What is no longer due then has been seen to.
    if (message?.value.status !== 'pending' || message.value.nextAttemptAt !== time)
      await parts.store.commit({ writes: [{ delete: first.key }] })
    else await tryOnce(parts, message, signal)
  }
}

async function tryOnce(parts: Parts, was: Entry<HookMessage>, signal: AbortSignal): Promise<void> {
  const { agent: name } = was.value
  const hook = await hookNamed(parts, was.value)
  if (hook === undefined) {
    const who = was.value.from === 'server' ? 'this server' : `agent ${name}`
    const error = new ReplicationError('missing', `${who} no longer has this hook`)
    return record(parts, was, { kind: 'over', error: errorView(error), untried: true })
  }
  await record(parts, was, await outcomeOf(parts, was.value, hook, signal))
}

/** Undefined when it is there no longer. */
export async function hookNamed(
  { roster, notify }: Pick<Parts, 'roster' | 'notify'>,
  { agent, hook: wanted, from }: Pick<HookMessage, 'agent' | 'hook' | 'from'>,
): Promise<Hook | undefined> {
  if (from === 'server') return notify?.id === wanted ? notify.hook : undefined
  return (await roster.find(agent))?.config.hooks?.find(({ url }) => hookOf(url) === wanted)
}

/** What a try comes to. */
type Outcome =
  | { readonly kind: 'sent'; readonly answer: number }
  /** It is not tried again. */
  | { readonly kind: 'over'; readonly error: ErrorView; readonly answer?: number; readonly untried?: true }
  | { readonly kind: 'again'; readonly error: ErrorView; readonly answer?: number; readonly at: number }

async function outcomeOf(
  { installation, bounds }: Pick<Parts, 'installation' | 'bounds'>,
  { id, url, from, body, tries }: HookMessage,
  hook: Hook,
  signal: AbortSignal,
): Promise<Outcome> {
  let answer: number | undefined
  let waitMs = 0
  let error: ErrorView
  try {
    const ready = await hookWithSecrets(hook, { env: process.env, bounds: bounds?.secrets })
    const headers = { 'user-agent': `trebuchet (${installation})`, ...signed(id, body, ready) }
    // Whom the server's own settings name is for its operator to say.
    const named = from === 'server' ? { name: url } : { hosts: bounds?.hosts }
    const { status, retryAfterMs = 0 } = await post(hook.url, { ...named, headers, body, deadlineMs, signal })
    if (status >= 200 && status < 300) return { kind: 'sent', answer: status }
    answer = status
    waitMs = retryAfterMs
    const more = status >= 300 && status < 400 ? '; redirects are not followed' : ''
    error = { code: status >= 500 ? 'unavailable' : 'rejected', detail: `${url} answered ${status}${more}` }
  } catch (thrown) {
    signal.throwIfAborted()
    error = errorView(thrown)
    // Nobody will be reached by trying again: once a setting is mended, it can be sent again.
    if (error.code === 'forbidden') return { kind: 'over', error }
  }
  const failure = { error, ...(answer !== undefined && { answer }) }
  // Gone: whoever says that wants no more.
  if (answer === 410 || tries + 1 >= hook.attempts) return { kind: 'over', ...failure }
  return { kind: 'again', ...failure, at: Date.now() + Math.max(waitMs, backoffMs(tries + 1, hook.backoff)) }
}

/** As Standard Webhooks says: the signature covers the id, the time and the body, so that none can be exchanged. */
function signed(id: string, body: string, { key, headers }: ReadyHook): Record<string, string> {
  const timestamp = String(Math.floor(Date.now() / 1000))
  const sent = { ...headers, 'content-type': 'application/json', 'webhook-id': id, 'webhook-timestamp': timestamp }
  if (key === undefined) return sent
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
  return { ...sent, 'webhook-signature': `v1,${signature}` }
}

/** Unless somebody has it sent again meanwhile: then that counts. */
async function record(parts: Parts, { value: was, key, version }: Entry<HookMessage>, outcome: Outcome): Promise<void> {
  const now = new Date()
  const { nextAttemptAt = '', error: _, answer: _answer, ...left } = was
  const tries = was.tries + (outcome.kind === 'over' && outcome.untried === true ? 0 : 1)
  const { kind, answer } = outcome
  const is: HookMessage = {
    ...{ ...left, tries, status: kind === 'again' ? 'pending' : kind === 'sent' ? 'sent' : 'failed' },
    ...(answer !== undefined && { answer }),
    ...(kind !== 'sent' && { error: outcome.error }),
    ...(kind === 'again' ? { nextAttemptAt: new Date(outcome.at).toISOString() } : { finishedAt: now.toISOString() }),
  }
  const facts = {
    ...{ hook: was.id, url: was.url, kind: was.type, attempts: tries },
    ...(answer !== undefined && { answer }),
    ...(kind !== 'sent' && { error: outcome.error }),
    ...(is.nextAttemptAt !== undefined && { nextAttemptAt: is.nextAttemptAt }),
  }
  const type = kind === 'sent' ? 'hook.sent' : 'hook.failed'
  const who = aboutOf(was)
  const event = eventWrites({ type, at: now.toISOString(), ...who, data: facts })
  const kept: Write[] = kind === 'again' ? pendingWrites(is) : await keptWrites(parts.store, is, now)
  const { ok } = await parts.store.commit({
    checks: [{ key, version }],
    writes: [{ delete: dueKey(was, nextAttemptAt) }, ...kept, ...event],
  })
  if (ok) parts.metrics.hooked(was.agent, kind === 'over' ? 'given-up' : kind === 'sent' ? 'sent' : 'failed')
}

/** For as long as the agent keeps its history. */
async function keptWrites(store: Store, message: HookMessage, now: Date): Promise<Write[]> {
  const { keepDays } = await keptBy(store, message.agent)
  const expiresAt = new Date(Math.min(now.getTime() + keepDays * dayMs, lastTime)).toISOString()
  return putExpiring(messageKey(message.agent, message.id), { ...message, expiresAt })
}
