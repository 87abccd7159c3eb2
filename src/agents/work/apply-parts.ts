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

/** Applies one package of a tree, `before` being what the target has of it already. */
export type ApplyPart = (id: string, pkg: PackageId, entry: HistoryEntry, before?: SoFar) => Promise<Receipt>

/**
 * Applies those parts of a tree that are still to be applied, in order, and answers one receipt for all. While the tree is still being
 * read these are the parts that are there: with the last of them the try stops, and goes on when another one wakes the lane. Undefined
 * then, and when the delivery was given up meanwhile.
 */
export async function applyParts(
  parts: Parts,
  begun: Begun,
  applyPart: ApplyPart,
  clock: TryClock,
): Promise<Receipt | undefined> {
  let { entry } = begun.progress
  let applied = begun.delivery.applied ?? nothing
  let appliedAt = new Date().toISOString()
  let all: readonly PackageId[] | undefined
  for (;;) {
    let part: APart | undefined
    if (entry.stage !== 'ready') ({ entry, applied, part } = await look(parts, begun, { entry, applied }))
    const number = applied.parts + 1
    if (entry.stage === 'ready') {
      all ??= await partsOf(parts, entry)
      const id = all[number - 1]
      if (id === undefined) break
      part = { package: id, edition: editionOf(entry, number) }
    }
    if (part === undefined) {
      const stands = await rest(parts, begun, (begun.spentMs ?? 0) + clock.tookMs)
      if (stands === undefined) return undefined
      applied = stands
      continue
    }
    const { package: id, edition } = part
    const name = edition === undefined ? `${number}` : `${number}~${edition}`
    const receipt = await applyPart(`${begun.id}/${name}`, id, entry, applied)
    appliedAt = receipt.appliedAt
    const stands = await remember(parts, begun, { number, edition, is: withPart(applied, receipt) })
    if (stands === undefined) return undefined
    applied = stands
  }
  const { entries, bytes } = applied
  return {
    ...{ delivery: begun.id, package: entry.package ?? '', entries, bytes, appliedAt },
    detail: { parts: applied.parts },
  }
}

/** How it stands now, and the next part if it is there. */
async function look(
  { store }: Parts,
  { delivery: { command, agent, target, round } }: Begun,
  known: { readonly entry: HistoryEntry; readonly applied: SoFar },
): Promise<{ readonly entry: HistoryEntry; readonly applied: SoFar; readonly part: APart | undefined }> {
  const [found, own] = await store.getAll([entryKey(command, agent), deliveryKey(command, agent, target)])
  const delivery = own?.value as Delivery | undefined
  // Given up meanwhile.
  if (found === undefined || delivery?.round !== round) return { ...known, part: undefined }
  const entry = found.value as HistoryEntry
  const applied = delivery?.applied ?? nothing
  const number = applied.parts + 1
  const made = (await store.get<MadePart>(madeKey(command, agent, number)))?.value
  return { entry, applied, part: made?.edition === editionOf(entry, number) ? made : undefined }
}

/** The parts of a tree that is whole. */
async function partsOf({ store }: Parts, { command, package: id }: HistoryEntry): Promise<readonly PackageId[]> {
  const index = id === undefined ? undefined : await store.get<PackageRecord>(packageKey(id))
  if (index?.value.parts === undefined) throw new ReplicationError('missing', `command ${command} has no package`)
  return index.value.parts
}

/** What has been applied, as the Store has it; undefined when it is no longer ours to apply. */
type Stands = SoFar | undefined

/** So that a retry goes on with the part that failed. */
function remember(
  parts: Parts,
  begun: Begun,
  { number, edition, is }: { readonly number: number; readonly edition: number | undefined; readonly is: SoFar },
): Promise<Stands> {
  return settle(parts, begun, ({ entry }, was) => {
    // It was thrown away meanwhile: what came in its place is to be applied.
    if ((was.applied?.parts ?? 0) !== number - 1 || editionOf(entry, number) !== edition) return undefined
    return { ...was, applied: is }
  })
}

/** Lets the lane wait until there is another part, or answers how it stands, there being something to do. */
async function rest(parts: Parts, begun: Begun, spentMs: number): Promise<Stands> {
  let rests = false
  const stands = await settle(parts, begun, ({ entry: { stage, made = nothing } }, was) => {
    rests = stage === 'preparing' && isUnderWay(was) && made.parts <= (was.applied?.parts ?? 0)
    return rests ? { ...was, active: false, awaits: { spentMs: Math.round(spentMs) } } : undefined
  })
  return rests ? undefined : stands
}

/** Changes a delivery that is ours, if it is to be; of one that was given up meanwhile only what it says of itself. */
async function settle(
  parts: Parts,
  begun: Begun,
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
    stands = is === undefined ? (was.value.applied ?? nothing) : undefined
    if (is === undefined) return undefined
    changed = is.applied
    return { deliveries: [{ was, is }], checks: mayGoOn ? stillHeld(begun.lane, begun.epoch) : [] }
  }
  const done = await advance(parts.store, command, agent, next, [deliveryKey(command, agent, target)])
  if (!mayGoOn || stands !== undefined) return mayGoOn ? stands : undefined
  if (done === undefined) throw new ReplicationError('conflict', 'the lane was taken over', { transient: true })
  return changed
}
