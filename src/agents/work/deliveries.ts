import type { Receipt } from '../../endpoints/endpoint.ts'
import { errorView, isTransient, ReplicationError } from '../../errors.ts'
import { backoffMs } from '../../queues/backoff.ts'
import { dequeue, enqueue, headOf, normalRank, rankOf, standingOf, stillHeld, type LaneId } from '../../queues/lanes.ts'
import type { Again } from '../../queues/work.ts'
import type { Entry, Store } from '../../state/store.ts'
import { advanceBoth, type Move, type Progress, type Step } from '../commands/advance.ts'
import { deliveryKey, isUnderWay, totalKey, type Delivery, type Try } from '../commands/records.ts'
import { words } from '../events/events.ts'
import type { Parts } from '../parts.ts'
import { applyAll } from './apply.ts'
import { begin, successorOf, type Beginning, type Begun } from './begin.ts'
import { putBack } from './put-back.ts'

const atOnce: Again = { at: 0 }

/**
 * Hands the head of a lane to its target, once, and then its successors for as long as they go well and `more` says so. Answers
 * when the lane wants to go on: at once after a delivery, when the head may be tried again after a failure, undefined when there is
 * nothing to do until somebody wakes the lane.
 *
 * The head keeps its place while it waits: a delete that overtook its publish would bring the page back.
 */
export async function deliverHead(
  parts: Parts,
  lane: LaneId,
  signal: AbortSignal,
  more: () => boolean = () => false,
): Promise<Again | undefined> {
  const { store } = parts
  const [agent, standing, item] = await Promise.all([
    parts.roster.find(lane.agent),
    standingOf(store, lane),
    headOf(store, lane),
  ])
  // What lies in a passive queue is fetched.
  if (agent === undefined || item === undefined || !agent.targets.includes(lane.queue)) return undefined
  if (!agent.config.enabled || standing.paused) return (await putBack(parts, lane, standing)) ? atOnce : undefined
  // Something more urgent came while another server died in a delivery: that one waits behind it.
  if (rankOf(item) < normalRank && (await putBack(parts, lane, standing, item))) return atOnce
  const begun = await begin(parts, agent, lane, item, standing)
  if ('wait' in begun) return begun.wait
  for (let head: Begun | undefined = begun; head !== undefined;) {
    const outcome = await attempt(parts, head, signal)
    if ('again' in outcome) return outcome.again
    head = await succeed(parts, head, outcome, more)
  }
  return nextOf(store, lane)
}

/** Whoever comes to the head now goes on at once. */
async function nextOf(store: Store, lane: LaneId): Promise<Again | undefined> {
  const head = await headOf(store, lane)
  return head && { at: 0, label: head.value.command }
}

/** What the target answered. */
interface Applied {
  readonly receipt: Receipt
  readonly tookMs: number
}

async function attempt(
  parts: Parts,
  begun: Begun,
  signal: AbortSignal,
): Promise<Applied | { again: Again | undefined }> {
  const { lane } = begun
  const log = parts.log.child({ delivery: begun.id, target: lane.queue })
  const startedAt = performance.now()
  try {
    const receipt = await applyAll(parts, begun, signal)
    const tookMs = Math.round(performance.now() - startedAt)
    log.info({ attempt: begun.delivery.attempts, tookMs, entries: receipt.entries }, words['delivery.delivered'])
    parts.metrics.delivered(lane, 'delivered', tookMs / 1000)
    return { receipt, tookMs }
  } catch (error) {
    // Closing is not the target's failure: the delivery is the head still, and goes on after the next start.
    if (signal.aborted) throw error
    parts.metrics.delivered(lane, 'failed', (performance.now() - startedAt) / 1000)
    return { again: await failed({ ...parts, log }, begun, error) }
  }
}

/** Takes it out of the lane, and begins the next in the same batch, when there is one and `more` wants it. */
async function succeed(
  parts: Parts,
  begun: Begun,
  { receipt, tookMs }: Applied,
  more: () => boolean,
): Promise<Begun | undefined> {
  const { entries, bytes } = receipt
  const out = dequeue(begun.lane, begun.item)
  const ended = endOf(begun, ({ queue: _queue, error: _error, ...delivery }) => ({
    is: { ...delivery, state: 'delivered', receipt },
    checks: out.checks,
    writes: [...out.writes, { add: totalKey(begun.lane.agent, 'delivered'), amount: 1 }],
    events: [
      {
        type: 'delivery.delivered',
        target: delivery.target,
        data: { attempts: delivery.attempts, entries, bytes, tookMs },
      },
    ],
  }))
  const successor = more() ? await successorOf(parts, begun) : undefined
  return end(parts, begun, ended, successor)
}

async function failed(parts: Parts, begun: Begun, error: unknown): Promise<Again | undefined> {
  const { queue } = begun.agent.config
  const { attempts, target } = begun.delivery
  const view = errorView(error)
  const totals = { add: totalKey(begun.lane.agent, 'failedAttempts'), amount: 1 }
  const hopeless = !isTransient(error) && !isConfigurationFault(error)
  if (queue.onFailure === 'error-queue' && (hopeless || attempts >= queue.attempts)) {
    parts.log.error({ err: error, attempt: attempts }, words['delivery.failed'])
    const out = dequeue(begun.lane, begun.item)
    const errorLane = { agent: begun.lane.agent, queue: `error-${target}` }
    const ended = endOf(begun, (delivery) => ({
      is: { ...delivery, state: 'failed', queue: errorLane.queue, error: view },
      checks: out.checks,
      writes: [...out.writes, ...enqueue(errorLane, begun.item.value), totals],
      events: [{ type: 'delivery.failed', target, data: { attempts, error: view } }],
    }))
    await end(parts, begun, ended)
    return nextOf(parts.store, begun.lane)
  }
  parts.log.warn({ err: error, attempt: attempts }, words['delivery.retrying'])
  const asked = error instanceof ReplicationError ? error.retryAfterMs : undefined
  const at = Date.now() + Math.max(asked ?? 0, backoffMs(attempts, queue.backoff))
  const nextAttemptAt = new Date(at).toISOString()
  const ended = endOf(begun, (delivery) => ({
    is: { ...delivery, state: 'retrying', error: view, nextAttemptAt },
    writes: [totals],
    events: [{ type: 'delivery.retrying', target, data: { attempts, error: view, nextAttemptAt } }],
  }))
  await end(parts, begun, ended)
  return { at }
}

/** 401, 403 and 404 from a target tell of a setting that somebody will mend, not of the package. */
function isConfigurationFault(error: unknown): boolean {
  return error instanceof ReplicationError && ['unauthenticated', 'forbidden', 'missing'].includes(error.code)
}

/** How a try ends, unless the lane was taken over: then whoever did has the say. */
function endOf(
  { item, lane, epoch }: Begun,
  outcome: (delivery: Delivery) => Omit<Step, 'entry' | 'deliveries'> & { readonly is: Delivery },
): Move {
  const { command, target } = item.value
  const next = (_: Progress, [found]: readonly (Entry<unknown> | undefined)[]): Step | undefined => {
    const was = found as Entry<Delivery> | undefined
    // Its target may have been given up meanwhile, and the delivery with it.
    if (was === undefined || !isUnderWay(was.value)) return undefined
    const { is, checks = [], ...step } = outcome(was.value)
    const finishedAt = new Date().toISOString()
    const { error } = is
    const tries = is.tries.map((one): Try =>
      one.attempt === is.attempts && one.finishedAt === undefined
        ? { ...one, finishedAt, ...(error !== undefined && { error }) }
        : one,
    )
    return {
      ...step,
      checks: [...checks, ...stillHeld(lane, epoch)],
      deliveries: [{ was, is: { ...is, tries, active: false, ...(is.nextAttemptAt === undefined && { finishedAt }) } }],
    }
  }
  return { command, agent: lane.agent, next, also: [deliveryKey(command, lane.agent, target)] }
}

/** Answers the try that has begun together with this end. */
async function end(parts: Parts, begun: Begun, ended: Move, successor?: Beginning): Promise<Begun | undefined> {
  const done = await advanceBoth(parts.store, ended, successor?.move)
  if (done === undefined)
    parts.log.warn({ delivery: begun.id }, 'lane was taken over or given up: the outcome is not ours to say')
  return successor?.begun(done?.[1])
}
