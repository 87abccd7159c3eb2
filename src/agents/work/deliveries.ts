import { configurationFaults, errorView, isTransient, ReplicationError } from '../../errors.ts'
import { backoffMs } from '../../queues/backoff.ts'
import { dequeue, enqueue, headOf, itemsOf, normalRank, rankOf, standingOf, stillHeld } from '../../queues/lanes.ts'
import type { LaneId, PlacedItem } from '../../queues/lanes.ts'
import type { Again, Task } from '../../queues/work.ts'
import type { Entry, Store, Write } from '../../state/store.ts'
import { advanceAll, type Move, type Progress, type Step } from '../commands/advance.ts'
import { revertedKey, type Reverted } from '../commands/incidents.ts'
import { deliveryKey, isUnderWay, type Delivery, type Try } from '../commands/records.ts'
import { eventWrites } from '../events/events.ts'
import { baseWrite } from '../comparisons/ancestors.ts'
import { span } from '../../tracing/span.ts'
import type { Parts } from '../parts.ts'
import { countDelivered, countFailed } from '../throughput.ts'
import { applyAll, type Applied } from './apply.ts'
import { begin, release, successorsOf, withTry, type Begun } from './begin.ts'
import { tellDelivered } from '../webhooks/outbox.ts'
import { putBack } from './put-back.ts'
import { deliveryTeller } from './tell-headway.ts'
import { TryClock } from './try-clock.ts'

const atOnce: Again = { at: 0 }

/**
 * Of many small items each would wait for two commits. Those that are over within this are recorded together, up to so many, and as
 * many are claimed together; a target that is given one of them again, after a crash, knows its receipt.
 */
const runMs = 20
const most = 16

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
  const [agent, standing, [item, second]] = await Promise.all([
    parts.roster.find(lane.agent),
    standingOf(store, lane),
    itemsOf(store, lane, { limit: 2 }),
  ])
  // What lies in a passive queue is fetched.
  if (agent === undefined || item === undefined || !agent.targets.includes(lane.queue)) return undefined
  if (!agent.config.enabled || standing.paused) return (await putBack(parts, lane, standing)) ? atOnce : undefined
  // Something more urgent came while another server died in a delivery, or he had claimed more: those wait behind it.
  if (
    (rankOf(item) < normalRank || (await isClaimed(parts, lane, second))) &&
    (await putBack(parts, lane, standing, item))
  )
    return atOnce
  const begun = await begin(parts, agent, lane, item, standing)
  return 'wait' in begun ? begun.wait : goOn(parts, begun, signal, more)
}

/** Makes the try that has begun, and those that follow. */
async function goOn(parts: Parts, first: Begun, signal: AbortSignal, more: () => boolean): Promise<Again | undefined> {
  const { store } = parts
  const { lane } = first
  let claimed = [first]
  let done: Begun[] = []
  let ended: Ended[] = []
  let since = performance.now()
  for (let head = claimed.shift(); head !== undefined; head = claimed.shift()) {
    const startedAt = new Date().toISOString()
    let applied: Answered | undefined
    try {
      applied = await attempt(parts, head, signal)
    } catch (error) {
      await record(parts, ended, claimed.map(release))
      // Closing is not the target's failure: the delivery is the head still, and goes on after the next start.
      if (signal.aborted) throw error
      return failed(parts, head, startedAt, error)
    }
    // The rest is still to be made, or it was given up meanwhile.
    if (applied === undefined) {
      await record(parts, ended, claimed.map(release))
      break
    }
    done.push(head)
    ended.push(delivered(head, startedAt, applied))
    const quick = performance.now() - since < runMs
    if (quick && claimed.length > 0) continue
    if (claimed.length > 0 || !more()) {
      await record(parts, ended, claimed.map(release))
      break
    }
    const remembers = head.agent.target(lane.queue).remembers ?? 1
    const next = await successorsOf(
      parts,
      head,
      done.map(({ item }) => item),
      quick ? Math.min(most, remembers) : 1,
    )
    const began = await record(
      parts,
      ended,
      next.map(({ move }) => move),
    )
    claimed = next.flatMap((one, i) => one.begun(began[i]) ?? [])
    done = []
    ended = []
    since = performance.now()
  }
  return nextOf(store, lane)
}

/** Whether somebody who is no longer there had claimed it. */
async function isClaimed({ store }: Parts, { agent }: LaneId, item: PlacedItem | undefined): Promise<boolean> {
  if (item === undefined) return false
  const { command, target } = item.value
  return (await store.get<Delivery>(deliveryKey(command, agent, target)))?.value.active === true
}

/** How a try ended, and what that makes others do. */
interface Ended extends Move {
  readonly tasks?: readonly Task[]
}

/** Records how tries ended, together with what else is to be done; answers the progress of the latter. */
async function record(
  { store, work, log }: Parts,
  ended: readonly Ended[],
  others: readonly Move[] = [],
): Promise<(Progress | undefined)[]> {
  if (ended.length + others.length === 0) return []
  const progress = await advanceAll(store, [...ended, ...others])
  for (const [i, { command, agent, tasks = [] }] of ended.entries())
    if (progress[i] === undefined)
      log.warn({ command, agent }, 'lane was taken over or given up: the outcome is not ours to say')
    else for (const task of tasks) await work.wake(task)
  return progress.slice(ended.length)
}

/** Whoever comes to the head now goes on at once. */
async function nextOf(store: Store, lane: LaneId): Promise<Again | undefined> {
  const head = await headOf(store, lane)
  return head && { at: 0, label: head.value.command }
}

/** What the target answered. */
interface Answered extends Applied {
  readonly tookMs: number
}

/** Undefined: so far it goes well, and what is left is for later, or for nobody. */
async function attempt(parts: Parts, begun: Begun, signal: AbortSignal): Promise<Answered | undefined> {
  const { lane, spentMs = 0 } = begun
  const attempt = attemptOf(begun)
  if (attempt === 1 && begun.spentMs === undefined) parts.metrics.begun(lane, begun.item.value.enqueuedAt)
  const clock = new TryClock()
  const headway = deliveryTeller(parts, begun)
  try {
    const { command } = begun.progress
    const named = { agent: lane.agent, target: lane.queue, command: command.id, attempt }
    const applied = await span('delivery', named, command.traceparent, async ({ note }) => {
      const made = await headway.during(applyAll(parts, begun, { headway, clock }, signal))
      if (made !== undefined) note({ entries: made.receipt.entries, bytes: made.receipt.bytes })
      return made
    })
    const tookMs = Math.round(spentMs + clock.tookMs)
    parts.metrics.tried(lane, clock.spent(), applied?.receipt ?? 'goes on')
    return applied && { ...applied, tookMs }
  } catch (error) {
    if (!signal.aborted) parts.metrics.tried(lane, clock.spent())
    throw error
  }
}

/** The number of the try. */
function attemptOf({ delivery, claimed }: Begun): number {
  return delivery.attempts + (claimed ? 1 : 0)
}

/** Takes it out of the lane. */
function delivered(begun: Begun, startedAt: string, { receipt, base, tookMs }: Answered): Ended {
  const { entries, bytes } = receipt
  const out = dequeue(begun.lane, begun.item)
  const { command } = begun.progress
  const told = tellDelivered(begun.agent, { command, target: begun.delivery.target, ...receipt })
  const move = endOf(begun, startedAt, ({ queue: _queue, error: _error, ...delivery }) => ({
    is: { ...delivery, state: 'delivered', receipt },
    checks: out.checks,
    writes: [
      ...out.writes,
      base,
      ...countDelivered(begun.lane.agent, receipt),
      ...told.writes,
      ...revertedWrites(begun),
    ],
    events: [
      {
        type: 'delivery.delivered',
        target: delivery.target,
        data: { attempts: delivery.attempts, entries, bytes, tookMs },
      },
    ],
  }))
  return { ...move, tasks: told.tasks }
}

/** Where it has undone another command, that one is told. */
function revertedWrites({ delivery: { agent, target }, progress: { command } }: Begun): Write[] {
  const { id, actor, application } = command
  if (application?.reverts === undefined) return []
  const at = new Date().toISOString()
  const told = {
    type: 'command.reverted',
    agent,
    target,
    actor,
    command: application.reverts,
    data: { by: id },
  } as const
  return [
    { put: revertedKey(application.reverts, agent, target), value: { command: id, at, actor } satisfies Reverted },
    ...eventWrites({ at, ...told }),
  ]
}

async function failed(parts: Parts, begun: Begun, startedAt: string, error: unknown): Promise<Again | undefined> {
  const { queue } = begun.agent.config
  const { target } = begun.delivery
  const attempts = attemptOf(begun)
  const view = errorView(error)
  const isLacking = view.code === 'incomplete'
  const counted = [
    ...countFailed(begun.lane.agent),
    ...(isLacking ? [baseWrite(begun.agent, target, { command: begun.delivery.command, doubted: true })] : []),
  ]
  // 401, 403 and 404 tell of a setting that somebody will mend, not of the package.
  const hopeless = !isTransient(error) && !configurationFaults.has(view.code)
  const final = error instanceof ReplicationError && error.final
  // The next try sends what is lacking.
  const isMended = isLacking && !final
  if (final || (queue.onFailure === 'error-queue' && !isMended && (hopeless || attempts >= queue.attempts))) {
    const out = dequeue(begun.lane, begun.item)
    const errorLane = { agent: begun.lane.agent, queue: `error-${target}` }
    const ended = endOf(begun, startedAt, ({ queue: _queue, ...delivery }) => ({
      // What can never be done need not lie in anybody's way.
      is: { ...delivery, state: 'failed', error: view, ...(!final && { queue: errorLane.queue }) },
      checks: out.checks,
      writes: [...out.writes, ...(final ? [] : enqueue(errorLane, begun.item.value)), ...counted],
      events: [{ type: 'delivery.failed', target, data: { attempts, error: view } }],
    }))
    await record(parts, [ended])
    return nextOf(parts.store, begun.lane)
  }
  const asked = error instanceof ReplicationError ? error.retryAfterMs : undefined
  const at = Date.now() + (isMended ? 0 : Math.max(asked ?? 0, backoffMs(attempts, queue.backoff)))
  const nextAttemptAt = new Date(at).toISOString()
  const ended = endOf(begun, startedAt, (delivery) => ({
    is: { ...delivery, state: 'retrying', error: view, nextAttemptAt },
    writes: counted,
    events: [{ type: 'delivery.retrying', target, data: { attempts, error: view, nextAttemptAt } }],
  }))
  await record(parts, [ended])
  return { at }
}

/** How a try ends that began then, unless the lane was taken over: then whoever did has the say. */
function endOf(
  { item, lane, epoch, claimed }: Begun,
  startedAt: string,
  outcome: (delivery: Delivery) => Omit<Step, 'entry' | 'deliveries'> & { readonly is: Delivery },
): Move {
  const { command, target } = item.value
  const next = (_: Progress, [found]: readonly (Entry<unknown> | undefined)[]): Step | undefined => {
    const was = found as Entry<Delivery> | undefined
    // Its target may have been given up meanwhile, and the delivery with it.
    if (was === undefined || !isUnderWay(was.value)) return undefined
    const { is, checks = [], events = [], ...step } = outcome(claimed ? withTry(was.value, startedAt) : was.value)
    const finishedAt = new Date().toISOString()
    const { error } = is
    const tries = is.tries.map((one): Try =>
      one.attempt === is.attempts && one.finishedAt === undefined
        ? { ...one, finishedAt, ...(error !== undefined && { error }) }
        : one,
    )
    const began = { type: 'delivery.started', target, data: { attempt: is.attempts } } as const
    return {
      ...step,
      events: [...(claimed ? [began] : []), ...events],
      checks: [...checks, ...stillHeld(lane, epoch)],
      deliveries: [{ was, is: { ...is, tries, active: false, ...(is.nextAttemptAt === undefined && { finishedAt }) } }],
    }
  }
  return { command, agent: lane.agent, next, also: [deliveryKey(command, lane.agent, target)] }
}
