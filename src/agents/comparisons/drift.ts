import type { Class } from '../../compare/classes.ts'
import { divergedKey, type Divergence } from '../../queues/lanes.ts'
import type { Check, Store, Write } from '../../state/store.ts'
import { eventWrites } from '../events/events.ts'
import { noticeWrites } from '../webhooks/notices.ts'
import { driftKey, type Comparison } from './records.ts'

/**
 * How a target stands: `behind` it lacks only what the source has changed since; `diverged` it, or somebody else than the source, has
 * changed something there too.
 */
export const driftStates = ['in-sync', 'behind', 'diverged'] as const
export type DriftState = (typeof driftStates)[number]

/** What the last comparison of a whole target has found. */
export interface DriftRecord {
  readonly state: DriftState
  readonly comparison: string
  /** When it was compared, RFC 3339. */
  readonly at: string
  /** Since when it is in this state. */
  readonly since: string
  /** When such a comparison last found both sides equal, if one ever has. */
  readonly equalAt?: string
}

const ofTarget: ReadonlySet<Class> = new Set(['customised', 'merge', 'conflict', 'removed-at-target', 'target-only'])
const ofNobody: ReadonlySet<Class> = new Set(['same', 'converged'])

/** The state that rows of these classes amount to. */
export function driftOf(classes: Iterable<Class>): DriftState {
  let state: DriftState = 'in-sync'
  for (const cls of classes) {
    if (ofTarget.has(cls)) return 'diverged'
    if (!ofNobody.has(cls)) state = 'behind'
  }
  return state
}

export function driftsOf(
  store: Store,
  agent: string,
  targets: readonly string[],
): Promise<(DriftRecord | undefined)[]> {
  return store
    .getAll<DriftRecord>(targets.map((target) => driftKey(agent, target)))
    .then((found) => found.map((entry) => entry?.value))
}

/** What goes into the batch of a comparison that has looked at all of a target. */
export async function driftWrites(
  store: Store,
  { id, agent, target, createdAt }: Comparison,
  state: DriftState,
): Promise<{ checks: readonly Check[]; writes: readonly Write[] }> {
  const key = driftKey(agent, target)
  const skipped = divergedKey({ agent, queue: target })
  const [found, mark] = await store.getAll([key, skipped])
  const was = found?.value as DriftRecord | undefined
  const equalAt = state === 'in-sync' ? createdAt : was?.equalAt
  const is: DriftRecord = {
    ...{ state, comparison: id, at: createdAt },
    since: was?.state === state ? was.since : createdAt,
    ...(equalAt !== undefined && { equalAt }),
  }
  const told = { at: createdAt, agent, target, data: { comparison: id, state, since: is.since } }
  const begins = state !== 'in-sync' && was?.state !== state
  const ends = state === 'in-sync' && was !== undefined && was.state !== 'in-sync'
  // Nothing that was skipped is missing any more.
  const isMadeUp = mark !== undefined && state === 'in-sync' && (mark.value as Divergence).since < createdAt
  return {
    checks: [{ key, version: found?.version ?? null }, ...(isMadeUp ? [{ key: skipped, version: mark.version }] : [])],
    writes: [
      { put: key, value: is },
      ...(begins ? eventWrites({ type: 'drift.found', ...told }) : []),
      ...(ends ? eventWrites({ type: 'drift.ended', ...told }) : []),
      ...(begins || ends
        ? await noticeWrites(store, begins ? 'drifted' : 'settled', { agent, target, ...told.data })
        : []),
      ...(isMadeUp ? [{ delete: skipped }] : []),
    ],
  }
}
