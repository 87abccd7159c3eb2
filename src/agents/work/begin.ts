import type { PlacedItem, LaneId, Standing } from '../../queues/lanes.ts'
import { itemsOf, standingOf, stillHeld, stillRunning, takeOver } from '../../queues/lanes.ts'
import type { Again } from '../../queues/work.ts'
import type { Check, Entry, Write } from '../../state/store.ts'
import { advanceAll, type Move, type Progress } from '../commands/advance.ts'
import { headwayKey } from '../commands/headway.ts'
import { bringsParts } from '../commands/mirrors.ts'
import { anotherTry, deliveryKey, type Delivery } from '../commands/records.ts'
import { nothing } from '../commands/so-far.ts'
import type { Parts } from '../parts.ts'
import type { Agent } from '../roster.ts'

/** A try under way: what is needed to make it, and to end it only if nobody has taken the lane over meanwhile. */
export interface Begun {
  readonly id: string
  readonly agent: Agent
  readonly lane: LaneId
  readonly item: PlacedItem
  readonly epoch: number
  readonly delivery: Delivery
  readonly progress: Progress
  /** It is only claimed: that it began is told together with how it ends. */
  readonly claimed: boolean
  /** What the try has taken already, in ms, when it has waited for a part to be made. */
  readonly spentMs?: number
}

/** The name that the target knows it by. What was queued again after it had failed is another delivery. */
export function deliveryId({
  command,
  agent,
  target,
  round = 0,
}: Pick<Delivery, 'command' | 'agent' | 'target' | 'round'>): string {
  return `${command}/${agent}/${target}${round === 0 ? '' : `~${round}`}`
}

/** The delivery with its next try begun. */
export function withTry({ nextAttemptAt: _, ...was }: Delivery, startedAt: string): Delivery {
  const state = was.error === undefined ? 'delivering' : 'retrying'
  return { ...was, ...anotherTry(was, startedAt), state, active: true }
}

/** There is a package for it, or at least a part that it has not applied, or of a mirror not brought to where that will be applied. */
function hasWork(
  agent: Agent,
  { command, entry: { stage, made = nothing } }: Progress,
  { target, applied = nothing, brought = nothing }: Delivery,
): boolean {
  if (stage !== 'preparing') return stage === 'ready'
  if (command.mode === 'mirror') return bringsParts(agent, target) && made.parts > brought.parts
  return made.parts > applied.parts
}

/** A try that may begin, in a batch of its own or in another's. */
export interface Beginning {
  readonly move: Move
  /** Once the batch is there. `progress` is what it answered for the move: undefined when nothing has begun. */
  begun(progress: Progress | undefined): Begun | undefined
  /** When to look again, if that is why nothing has begun. */
  readonly wait: () => { readonly wait: Again | undefined } | undefined
}

/** What whoever begins must hold of the lane, or take. */
interface Hold {
  readonly epoch: number
  readonly checks: readonly Check[]
  readonly writes: readonly Write[]
}

function beginning(agent: Agent, lane: LaneId, item: PlacedItem, hold: Hold): Beginning {
  const { command, target } = item.value
  let wait: { readonly wait: Again | undefined } | undefined
  let delivery: Delivery | undefined
  let spentMs: number | undefined
  const move: Move = {
    ...{ command, agent: lane.agent, also: [deliveryKey(command, lane.agent, target)] },
    next: (progress, [found]) => {
      const was = found as Entry<Delivery> | undefined
      // Whoever makes its package wakes the lane.
      if (was === undefined || !hasWork(agent, progress, was.value)) return void (wait = { wait: undefined })
      const { nextAttemptAt, awaits, ...before } = was.value
      if (nextAttemptAt !== undefined && Date.parse(nextAttemptAt) > Date.now())
        return void (wait = { wait: { at: Date.parse(nextAttemptAt) } })
      spentMs = awaits?.spentMs
      // A try that has waited for its next part goes on.
      delivery = awaits === undefined ? withTry(was.value, new Date().toISOString()) : { ...before, active: true }
      return {
        deliveries: [{ was, is: delivery }],
        checks: [{ key: item.key, version: item.version }, ...stillRunning(lane), ...hold.checks],
        // Whoever died in it may have left word of how far he was.
        writes: [...hold.writes, ...(was.value.active ? [{ delete: headwayKey(command, lane.agent, target) }] : [])],
        ...(awaits === undefined && {
          events: [{ type: 'delivery.started' as const, target, data: { attempt: delivery.attempts } }],
        }),
      }
    },
  }
  return {
    move,
    begun: (progress) =>
      progress &&
      delivery && {
        ...{ id: deliveryId(delivery), agent, lane, item, epoch: hold.epoch, delivery, progress },
        claimed: false,
        ...(spentMs !== undefined && { spentMs }),
      },
    wait: () => wait,
  }
}

/** What is larger takes its time, and its beginning is told at once. */
const quickBytes = 64 * 1024

/** One of several that are likely to be over soon: nobody else decides about it any more, and that is all that is said. */
function claim(agent: Agent, lane: LaneId, item: PlacedItem, { epoch, checks }: Hold, follows?: Move): Beginning {
  const { command, target } = item.value
  let delivery: Delivery | undefined
  const move: Move = {
    ...{ command, agent: lane.agent, also: [deliveryKey(command, lane.agent, target)] },
    ...(follows !== undefined && { follows }),
    next: ({ entry }, [found]) => {
      const was = found as Entry<Delivery> | undefined
      const quick = entry.stage === 'ready' && entry.parts === undefined && entry.bytes <= quickBytes
      // What has failed before may fail again.
      if (was === undefined || !quick || was.value.attempts > 0) return undefined
      delivery = { ...was.value, active: true }
      return {
        deliveries: [{ was, is: delivery }],
        checks: [{ key: item.key, version: item.version }, ...stillRunning(lane), ...checks],
      }
    },
  }
  return {
    move,
    begun: (progress) =>
      progress &&
      delivery && { ...{ id: deliveryId(delivery), agent, lane, item, epoch, delivery, progress }, claimed: true },
    wait: () => undefined,
  }
}

/** That an item is in delivery no longer, and waits as it did before; `hold` is of whoever says so. */
export function waitingAgain(lane: LaneId, { value }: PlacedItem, hold: Pick<Hold, 'checks' | 'writes'>): Move {
  const { command, target } = value
  return {
    ...{ command, agent: lane.agent, also: [deliveryKey(command, lane.agent, target)] },
    next: (_, [found]) => {
      const was = found as Entry<Delivery> | undefined
      if (was?.value.active !== true) return undefined
      const state = was.value.error === undefined ? 'queued' : 'retrying'
      const writes = [...hold.writes, { delete: headwayKey(command, lane.agent, target) }]
      return { ...hold, writes, deliveries: [{ was, is: { ...was.value, active: false, state } }] }
    },
  }
}

/** The same of what was only claimed. */
export function release({ lane, item, epoch }: Begun): Move {
  return waitingAgain(lane, item, { checks: stillHeld(lane, epoch), writes: [] })
}

/** Takes the lane over and begins the next try, or says when to look again. */
export async function begin(
  { store }: Pick<Parts, 'store'>,
  agent: Agent,
  lane: LaneId,
  item: PlacedItem,
  standing: Standing,
): Promise<Begun | { readonly wait: Again | undefined }> {
  const { move, begun, wait } = beginning(agent, lane, item, takeOver(lane, standing.epoch))
  const [progress] = await advanceAll(store, [move])
  // Somebody else was faster, took the item out or took the lane over: look again, without haste.
  return begun(progress) ?? wait() ?? { wait: { at: Date.now() + 100 } }
}

/**
 * What comes in a lane, behind those that are `done`, for whoever holds it: the next try; or, when they have been quick, up to
 * `most` that are claimed at once.
 */
export async function successorsOf(
  { store, roster }: Pick<Parts, 'store' | 'roster'>,
  { lane, epoch }: Begun,
  done: readonly PlacedItem[],
  most: number,
): Promise<Beginning[]> {
  const [agent, { paused }, first] = await Promise.all([
    roster.find(lane.agent),
    standingOf(store, lane),
    itemsOf(store, lane, { limit: done.length + most }),
  ])
  if (paused || agent?.config.enabled !== true || !agent.targets.includes(lane.queue)) return []
  const hold: Hold = { epoch, checks: stillHeld(lane, epoch), writes: [] }
  const next = first.filter(({ key }) => !done.some((one) => one.key === key)).slice(0, most)
  if (most === 1) return next.map((item) => beginning(agent, lane, item, hold))
  const claims: Beginning[] = []
  for (const item of next) claims.push(claim(agent, lane, item, hold, claims.at(-1)?.move))
  return claims
}
