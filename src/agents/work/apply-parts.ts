import type { Receipt } from '../../endpoints/endpoint.ts'
import { ReplicationError } from '../../errors.ts'
import type { PackageId } from '../../packages/manifest.ts'
import { stillHeld } from '../../queues/lanes.ts'
import type { Entry } from '../../state/store.ts'
import { advance, type Next, type Progress } from '../commands/advance.ts'
import { madeKey, type MadePart } from '../commands/made.ts'
import {
  deliveryKey,
  entryKey,
  isUnderWay,
  packageKey,
  type Delivery,
  type HistoryEntry,
  type PackageRecord,
} from '../commands/records.ts'
import { editionOf, nothing, withPart, type SoFar } from '../commands/so-far.ts'
import type { Parts } from '../parts.ts'
import type { Begun } from './begin.ts'
import type { TryClock } from './try-clock.ts'

interface APart {
  readonly package: PackageId
  readonly edition?: number | undefined
}

/** Applies one package of a tree, or brings it to where it will be applied, `before` being what was done of it already. */
export type ApplyPart = (id: string, pkg: PackageId, entry: HistoryEntry, before?: SoFar) => Promise<Receipt>

/** What becomes of each part. */
export type Doing = 'applied' | 'brought'

/**
 * Applies (or brings) those parts of a tree that are still to be applied, in order, and answers one receipt for all. While the tree is still being
 * read these are the parts that are there: with the last of them the try stops, and goes on when another one wakes the lane. Undefined
 * then, and when the delivery was given up meanwhile.
 */
export async function applyParts(
  parts: Parts,
  begun: Begun,
  applyPart: ApplyPart,
  { clock, doing }: { readonly clock: TryClock; readonly doing: Doing },
): Promise<Receipt | undefined> {
  let { entry } = begun.progress
  let done = begun.delivery[doing] ?? nothing
  let appliedAt = new Date().toISOString()
  let all: readonly PackageId[] | undefined
  for (;;) {
    let part: APart | undefined
    if (entry.stage !== 'ready') ({ entry, done, part } = await look(parts, begun, doing, { entry, done }))
    const number = done.parts + 1
    if (entry.stage === 'ready') {
      all ??= await partsOf(parts, entry)
      const id = all[number - 1]
      if (id === undefined) break
      part = { package: id, edition: editionOf(entry, number) }
    }
    if (part === undefined) {
      const stands = await rest(parts, begun, doing, (begun.spentMs ?? 0) + clock.tookMs)
      if (stands === undefined) return undefined
      done = stands
      continue
    }
    const { package: id, edition } = part
    const name = edition === undefined ? `${number}` : `${number}~${edition}`
    const receipt = await applyPart(`${begun.id}/${name}`, id, entry, done)
    appliedAt = receipt.appliedAt
    const stands = await remember(parts, begun, doing, { number, edition, is: withPart(done, receipt) })
    if (stands === undefined) return undefined
    done = stands
  }
  const { entries, bytes } = done
  return {
    ...{ delivery: begun.id, package: entry.package ?? '', entries, bytes, appliedAt },
    detail: { parts: done.parts },
  }
}

/** How it stands now, and the next part if it is there. */
async function look(
  { store }: Parts,
  { delivery: { command, agent, target, round } }: Begun,
  doing: Doing,
  known: { readonly entry: HistoryEntry; readonly done: SoFar },
): Promise<{ readonly entry: HistoryEntry; readonly done: SoFar; readonly part: APart | undefined }> {
  const [found, own] = await store.getAll([entryKey(command, agent), deliveryKey(command, agent, target)])
  const delivery = own?.value as Delivery | undefined
  // Given up meanwhile.
  if (found === undefined || delivery?.round !== round) return { ...known, part: undefined }
  const entry = found.value as HistoryEntry
  const done = delivery?.[doing] ?? nothing
  const number = done.parts + 1
  const made = (await store.get<MadePart>(madeKey(command, agent, number)))?.value
  return { entry, done, part: made?.edition === editionOf(entry, number) ? made : undefined }
}

/** The parts of a tree that is whole. */
async function partsOf({ store }: Parts, { command, package: id }: HistoryEntry): Promise<readonly PackageId[]> {
  const index = id === undefined ? undefined : await store.get<PackageRecord>(packageKey(id))
  if (index?.value.parts === undefined) throw new ReplicationError('missing', `command ${command} has no package`)
  return index.value.parts
}

/** What has been done, as the Store has it; undefined when it is no longer ours to apply. */
type Stands = SoFar | undefined

/** So that a retry goes on with the part that failed. */
function remember(
  parts: Parts,
  begun: Begun,
  doing: Doing,
  { number, edition, is }: { readonly number: number; readonly edition: number | undefined; readonly is: SoFar },
): Promise<Stands> {
  return settle(parts, begun, doing, ({ entry }, was) => {
    // It was thrown away meanwhile: what came in its place is to be applied.
    if ((was[doing]?.parts ?? 0) !== number - 1 || editionOf(entry, number) !== edition) return undefined
    return { ...was, [doing]: is }
  })
}

/** Lets the lane wait until there is another part, or answers how it stands, there being something to do. */
async function rest(parts: Parts, begun: Begun, doing: Doing, spentMs: number): Promise<Stands> {
  let rests = false
  const stands = await settle(parts, begun, doing, ({ entry: { stage, made = nothing } }, was) => {
    rests = stage === 'preparing' && isUnderWay(was) && made.parts <= (was[doing]?.parts ?? 0)
    return rests ? { ...was, active: false, awaits: { spentMs: Math.round(spentMs) } } : undefined
  })
  return rests ? undefined : stands
}

/** Changes a delivery that is ours, if it is to be; of one that was given up meanwhile only what it says of itself. */
async function settle(
  parts: Parts,
  begun: Begun,
  doing: Doing,
  change: (progress: Progress, was: Delivery) => Delivery | undefined,
): Promise<Stands> {
  const { command, agent, target, round } = begun.delivery
  let stands: Stands
  let changed: Stands
  let mayGoOn = false
  const next: Next = (progress, [found]) => {
    const was = found as Entry<Delivery> | undefined
    mayGoOn = was !== undefined && was.value.round === round && isUnderWay(was.value)
    if (was === undefined || was.value.round !== round) return undefined
    const is = change(progress, was.value)
    stands = is === undefined ? (was.value[doing] ?? nothing) : undefined
    if (is === undefined) return undefined
    changed = is[doing]
    return { deliveries: [{ was, is }], checks: mayGoOn ? stillHeld(begun.lane, begun.epoch) : [] }
  }
  const done = await advance(parts.store, command, agent, next, [deliveryKey(command, agent, target)])
  if (!mayGoOn || stands !== undefined) return mayGoOn ? stands : undefined
  if (done === undefined) throw new ReplicationError('conflict', 'the lane was taken over', { transient: true })
  return changed
}
