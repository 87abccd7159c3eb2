import type { Receipt } from '../../endpoints/endpoint.ts'
import { errorView, isTransient, ReplicationError } from '../../errors.ts'
import type { PackageId } from '../../packages/manifest.ts'
import { backoffMs } from '../../queues/backoff.ts'
import { dequeue, enqueue, headOf, normalRank, rankOf, standingOf, stillHeld, takeOver } from '../../queues/lanes.ts'
import type { LaneId, PlacedItem, Standing } from '../../queues/lanes.ts'
import type { Again } from '../../queues/work.ts'
import { isWithin, outermost, type ResourcePath } from '../../resources/path.ts'
import type { Entry, Store } from '../../state/store.ts'
import { advance, type Progress, type Step } from '../commands/advance.ts'
import { words } from '../events/events.ts'
import type { Parts } from '../parts.ts'
import { putBack } from './put-back.ts'
import {
  deliveryKey,
  isUnderWay,
  packageKey,
  totalKey,
  type Command,
  type Delivery,
  type PackageRecord,
  type Try,
} from '../commands/records.ts'
import type { Agent } from '../roster.ts'

const maxTries = 20
const atOnce: Again = { at: 0 }

/**
 * Hands the head of a lane to its target, once. Answers when the lane wants to go on: at once after a delivery, when the
 * head may be tried again after a failure, undefined when there is nothing to do until somebody wakes the lane.
 *
 * The head keeps its place while it waits: a delete that overtook its publish would bring the page back.
 */
export async function deliverHead(parts: Parts, lane: LaneId, signal: AbortSignal): Promise<Again | undefined> {
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
  const begun = await begin(parts, lane, item, standing)
  if ('wait' in begun) return begun.wait
  const log = parts.log.child({ delivery: begun.id, target: lane.queue })
  const startedAt = performance.now()
  try {
    const receipt = await applyAll(parts, agent, begun, signal)
    const tookMs = Math.round(performance.now() - startedAt)
    log.info({ attempt: begun.delivery.attempts, tookMs, entries: receipt.entries }, words['delivery.delivered'])
    parts.metrics.delivered(lane, 'delivered', tookMs / 1000)
    await succeed(parts, begun, receipt, tookMs)
    return nextOf(store, lane)
  } catch (error) {
    // Closing is not the target's failure: the delivery is the head still, and goes on after the next start.
    if (signal.aborted) throw error
    parts.metrics.delivered(lane, 'failed', (performance.now() - startedAt) / 1000)
    return failed({ ...parts, log }, agent, begun, error)
  }
}

/** Whoever comes to the head now goes on at once. */
async function nextOf(store: Store, lane: LaneId): Promise<Again | undefined> {
  const head = await headOf(store, lane)
  return head && { at: 0, label: head.value.command }
}

/** A try under way: what is needed to make it, and to end it only if nobody has taken the lane over meanwhile. */
interface Begun {
  readonly id: string
  readonly lane: LaneId
  readonly item: PlacedItem
  readonly epoch: number
  readonly delivery: Delivery
  readonly progress: Progress
}

/** Begins the next try, or says when to look again. */
async function begin(
  { store }: Parts,
  lane: LaneId,
  item: PlacedItem,
  standing: Standing,
): Promise<Begun | { readonly wait: Again | undefined }> {
  const { command, target } = item.value
  const taken = takeOver(lane, standing.epoch)
  let wait: { readonly wait: Again | undefined } | undefined
  let delivery: Delivery | undefined
  const progress = await advance(
    store,
    command,
    lane.agent,
    ({ entry }, [found]) => {
      const was = found as Entry<Delivery> | undefined
      // Whoever makes its package wakes the lane.
      if (was === undefined || entry.stage !== 'ready') return void (wait = { wait: undefined })
      const { nextAttemptAt, ...kept } = was.value
      if (nextAttemptAt !== undefined && Date.parse(nextAttemptAt) > Date.now())
        return void (wait = { wait: { at: Date.parse(nextAttemptAt) } })
      const startedAt = new Date().toISOString()
      const attempt = was.value.attempts + 1
      delivery = {
        ...kept,
        state: was.value.error === undefined ? 'delivering' : 'retrying',
        active: true,
        attempts: attempt,
        startedAt: was.value.startedAt ?? startedAt,
        tries: [...was.value.tries, { attempt, startedAt }].slice(-maxTries),
      }
      return {
        deliveries: [{ was, is: delivery }],
        checks: [{ key: item.key, version: item.version }, ...taken.checks],
        writes: taken.writes,
        events: [{ type: 'delivery.started', target, data: { attempt } }],
      }
    },
    [deliveryKey(command, lane.agent, target)],
  )
  // Somebody else was faster, took the item out or took the lane over: look again, without haste.
  if (progress === undefined || delivery === undefined) return wait ?? { wait: { at: Date.now() + 100 } }
  return { id: deliveryId(delivery), lane, item, epoch: taken.epoch, delivery, progress }
}

/** The name that the target knows it by. What was queued again after it had failed is another delivery. */
function deliveryId({ command, agent, target, round = 0 }: Delivery): string {
  return `${command}/${agent}/${target}${round === 0 ? '' : `~${round}`}`
}

/** Applies the package, or those of its parts that are still to be applied, and answers one receipt for all. */
async function applyAll(parts: Parts, agent: Agent, begun: Begun, signal: AbortSignal): Promise<Receipt> {
  const { command, entry } = begun.progress
  if (entry.package === undefined) throw new ReplicationError('missing', `command ${command.id} has no package`)
  const known = await parts.store.get<PackageRecord>(packageKey(entry.package))
  const asked = partOf(command, known?.value)
  const ids = known?.value.parts
  if (ids === undefined) return apply(parts, agent, begun, { id: begun.id, package: entry.package, ...asked }, signal)
  let applied = begun.delivery.applied ?? { parts: 0, entries: 0, bytes: 0 }
  let appliedAt = new Date().toISOString()
  for (const [i, id] of ids.entries()) {
    if (i < applied.parts) continue
    const receipt = await apply(parts, agent, begun, { id: `${begun.id}/${i + 1}`, package: id, ...asked }, signal)
    applied = { parts: i + 1, entries: applied.entries + receipt.entries, bytes: applied.bytes + receipt.bytes }
    appliedAt = receipt.appliedAt
    await remember(parts, begun, applied)
  }
  const { entries, bytes } = applied
  return { delivery: begun.id, package: entry.package, entries, bytes, appliedAt, detail: { parts: ids.length } }
}

/** So that a retry goes on with the part that failed. */
async function remember(parts: Parts, begun: Begun, applied: NonNullable<Delivery['applied']>): Promise<void> {
  const { command, agent, target } = begun.delivery
  const done = await advance(parts.store, command, agent, async () => {
    const was = await parts.store.get<Delivery>(deliveryKey(command, agent, target))
    if (was === undefined || !isUnderWay(was.value)) return undefined
    return { deliveries: [{ was, is: { ...was.value, applied } }], checks: stillHeld(begun.lane, begun.epoch) }
  })
  if (done === undefined) throw new ReplicationError('conflict', 'the lane was taken over', { transient: true })
}

async function apply(
  parts: Parts,
  agent: Agent,
  begun: Begun,
  one: { readonly id: string; readonly package: PackageId; readonly paths?: readonly ResourcePath[] },
  signal: AbortSignal,
): Promise<Receipt> {
  const { target } = begun.delivery
  const { traceparent } = begun.progress.command
  const receipt = await agent.target(target).apply(
    {
      ...one,
      lane: `${parts.installation}/${begun.lane.agent}/${target}`,
      epoch: begun.epoch,
      package: await parts.packages.file(one.package),
      deletes: agent.config.deletes,
      ...(traceparent !== undefined && { traceparent }),
    },
    signal,
  )
  if (receipt.delivery === one.id && receipt.package === one.package) return receipt
  throw new ReplicationError(
    'rejected',
    `target ${target} sent a receipt for ${receipt.delivery} with ${receipt.package}, not for this delivery`,
  )
}

/** An import may ask for a part of its package; whoever wants all of it does not say so. */
function partOf({ kind, paths }: Command, pkg: PackageRecord | undefined): { paths?: readonly ResourcePath[] } {
  if (kind !== 'import' || pkg === undefined) return {}
  const whole = pkg.roots.every((root) => paths.some((path) => isWithin(root, path)))
  return whole ? {} : { paths: outermost(paths) }
}

async function succeed(parts: Parts, begun: Begun, receipt: Receipt, tookMs: number): Promise<void> {
  const { entries, bytes } = receipt
  const out = dequeue(begun.lane, begun.item)
  await end(parts, begun, ({ queue: _queue, error: _error, ...delivery }) => ({
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
}

async function failed(parts: Parts, agent: Agent, begun: Begun, error: unknown): Promise<Again | undefined> {
  const { queue } = agent.config
  const { attempts, target } = begun.delivery
  const view = errorView(error)
  const totals = { add: totalKey(begun.lane.agent, 'failedAttempts'), amount: 1 }
  const hopeless = !isTransient(error) && !isConfigurationFault(error)
  if (queue.onFailure === 'error-queue' && (hopeless || attempts >= queue.attempts)) {
    parts.log.error({ err: error, attempt: attempts }, words['delivery.failed'])
    const out = dequeue(begun.lane, begun.item)
    const errorLane = { agent: begun.lane.agent, queue: `error-${target}` }
    await end(parts, begun, (delivery) => ({
      is: { ...delivery, state: 'failed', queue: errorLane.queue, error: view },
      checks: out.checks,
      writes: [...out.writes, ...enqueue(errorLane, begun.item.value), totals],
      events: [{ type: 'delivery.failed', target, data: { attempts, error: view } }],
    }))
    return nextOf(parts.store, begun.lane)
  }
  parts.log.warn({ err: error, attempt: attempts }, words['delivery.retrying'])
  const asked = error instanceof ReplicationError ? error.retryAfterMs : undefined
  const at = Date.now() + Math.max(asked ?? 0, backoffMs(attempts, queue.backoff))
  const nextAttemptAt = new Date(at).toISOString()
  await end(parts, begun, (delivery) => ({
    is: { ...delivery, state: 'retrying', error: view, nextAttemptAt },
    writes: [totals],
    events: [{ type: 'delivery.retrying', target, data: { attempts, error: view, nextAttemptAt } }],
  }))
  return { at }
}

/** 401, 403 and 404 from a target tell of a setting that somebody will mend, not of the package. */
function isConfigurationFault(error: unknown): boolean {
  return error instanceof ReplicationError && ['unauthenticated', 'forbidden', 'missing'].includes(error.code)
}

/** Ends a try, unless the lane was taken over: then whoever did has the say. */
async function end(
  parts: Parts,
  begun: Begun,
  outcome: (delivery: Delivery) => Omit<Step, 'entry' | 'deliveries'> & { readonly is: Delivery },
): Promise<void> {
  const key = deliveryKey(begun.item.value.command, begun.lane.agent, begun.item.value.target)
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
      checks: [...checks, ...stillHeld(begun.lane, begun.epoch)],
      deliveries: [{ was, is: { ...is, tries, active: false, ...(is.nextAttemptAt === undefined && { finishedAt }) } }],
    }
  }
  const done = await advance(parts.store, begun.item.value.command, begun.lane.agent, next, [key])
  if (done === undefined)
    parts.log.warn({ delivery: begun.id }, 'lane was taken over or given up: the outcome is not ours to say')
}
