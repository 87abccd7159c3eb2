import { errorView, ReplicationError } from '../../errors.ts'
import type { Again } from '../../queues/work.ts'
import type { ResourcePath } from '../../resources/path.ts'
import type { Entry, Write } from '../../state/store.ts'
import type { Cause } from '../commands/records.ts'
import { strictnessOf } from '../commands/sense.ts'
import type { ScheduleTrigger } from '../config/config.ts'
import { compare } from '../comparisons/compare.ts'
import { eventWrites } from '../events/events.ts'
import type { Parts } from '../parts.ts'
import { noticeWrites } from '../webhooks/notices.ts'
import type { Agent } from '../roster.ts'
import { nextTime, timesBetween } from './cron.ts'
import { fire, tell, type Begin, type Firing } from './firing.ts'
import { idOf, markKey, type TriggerMark } from './records.ts'

/** A lost wake-up is made up for within a minute; what comes later than that was missed. */
const lateMs = 60_000
/** Nobody needs to know more exactly how many were missed. */
const mostMissed = 1000

/**
 * Fires what is due of the schedules of an agent: each at most once, however many of its times have passed. Answers when the
 * next is due.
 */
export async function fireSchedules(
  parts: Parts,
  name: string,
  begin: Begin,
  now = Date.now(),
  signal = new AbortController().signal,
): Promise<Again | undefined> {
  const agent = await parts.roster.find(name)
  if (agent === undefined || !agent.config.enabled) return undefined
  let at = Infinity
  for (const trigger of agent.config.triggers)
    if (trigger.kind === 'schedule') at = Math.min(at, await look(parts, agent, trigger, { begin, now, signal }))
  return at === Infinity ? undefined : { at }
}

/** Answers when to look again; 0 for at once. */
async function look(
  parts: Parts,
  agent: Agent,
  trigger: ScheduleTrigger,
  { begin, now, signal }: { begin: Begin; now: number; signal: AbortSignal },
): Promise<number> {
  const key = markKey(agent.name, idOf(trigger))
  const mark = await parts.store.get<TriggerMark>(key)
  const { nextAt } = mark?.value ?? {}
  // The config has just changed.
  if (mark === undefined || nextAt === undefined) return now + lateMs
  const dueAt = Date.parse(nextAt)
  if (dueAt > now) return dueAt

  const next = nextTime(trigger, now)
  const further = timesBetween(trigger, dueAt, now, mostMissed)
  const missed = further > 0 || now - dueAt > lateMs ? 1 + further : 0
  const cause: Cause = { trigger: 'schedule', dueAt: nextAt, ...(missed > 0 && { missed }) }
  if (trigger.action === 'compare') return lookForDrift(parts, agent, trigger, mark, { next, now, missed, signal })
  const notice = missed > 0 ? await noticeWrites(parts.store, 'missed', { agent: agent.name, ...cause }) : []
  const outcome = await fire(parts, agent.name, firingOf(agent, trigger, mark, { cause, next, now, notice }), begin)
  if (outcome.taken) return next
  if ('lost' in outcome) return 0
  const { error, waitMs } = outcome
  const view = errorView(error)
  const checks = [{ key, version: mark.version }]
  if (waitMs === undefined) {
    // It would be refused again, and the next time may find the agent mended.
    const { lastFiredAt, lastCommand } = mark.value
    const failed: TriggerMark = {
      ...{ nextAt: new Date(next).toISOString(), error: view },
      ...(lastFiredAt !== undefined && { lastFiredAt }),
      ...(lastCommand !== undefined && { lastCommand }),
    }
    await tell(parts, agent, 'trigger.failed', { cause, error, checks, writes: [{ put: key, value: failed }] })
    return 0
  }
  if (mark.value.error?.detail !== view.detail) {
    const waiting: TriggerMark = { ...mark.value, error: view }
    await tell(parts, agent, 'trigger.waiting', { cause, error, checks, writes: [{ put: key, value: waiting }] })
  }
  return now + waitMs
}

/** Compares with each target, once for all times that are due; what cannot be compared is told. */
async function lookForDrift(
  parts: Parts,
  agent: Agent,
  { paths }: ScheduleTrigger,
  mark: Entry<TriggerMark>,
  { next, now, missed, signal }: { next: number; now: number; missed: number; signal: AbortSignal },
): Promise<number> {
  const moved: TriggerMark = {
    ...{ nextAt: new Date(next).toISOString(), lastFiredAt: new Date(now).toISOString() },
    ...(missed > 0 && { missed }),
  }
  const cause: Cause = { trigger: 'schedule', ...(mark.value.nextAt !== undefined && { dueAt: mark.value.nextAt }) }
  // Before it is done: of several servers one does it, and what dies with that one is done the next time.
  const at = new Date(now).toISOString()
  const { ok } = await parts.store.commit({
    checks: [{ key: mark.key, version: mark.version }],
    writes: [
      { put: mark.key, value: moved },
      ...(missed > 0 ? eventWrites({ type: 'trigger.missed', at, agent: agent.name, data: { ...cause, missed } }) : []),
      ...(missed > 0 ? await noticeWrites(parts.store, 'missed', { agent: agent.name, ...cause, missed }) : []),
    ],
  })
  if (!ok) return 0
  for (const target of agent.targets)
    try {
      const asked = { target, actor: 'trigger:schedule', ...(paths !== undefined && { paths }) }
      await compare(parts, agent, asked, signal)
    } catch (error) {
      if (signal.aborted) throw error
      const known =
        error instanceof ReplicationError ? error : new ReplicationError('unavailable', 'it failed', { cause: error })
      await tell(parts, agent, 'trigger.failed', { cause, error: known })
    }
  return next
}

function firingOf(
  agent: Agent,
  { action: chosen = 'add', mode = 'update', full, verify, paths }: ScheduleTrigger,
  mark: Entry<TriggerMark>,
  { cause, next, now, notice }: { cause: Cause; next: number; now: number; notice: readonly Write[] },
): Firing {
  const at = new Date(now).toISOString()
  const { missed } = cause
  return {
    ...{ action: chosen === 'compare' ? 'test' : chosen, mode, deep: true, cause },
    ...strictnessOf({ full, verify }),
    paths: (paths ?? agent.config.roots) as readonly ResourcePath[],
    alongside: ({ id }) => {
      const moved: TriggerMark = {
        ...{ nextAt: new Date(next).toISOString(), lastFiredAt: at, lastCommand: id },
        ...(missed !== undefined && { missed }),
      }
      const said: Write[] =
        missed === undefined
          ? []
          : [...eventWrites({ type: 'trigger.missed', at, agent: agent.name, command: id, data: cause }), ...notice]
      return {
        checks: [{ key: mark.key, version: mark.version }],
        writes: [{ put: mark.key, value: moved }, ...said],
      }
    },
  }
}
