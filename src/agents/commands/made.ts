import type { PackageId } from '../../packages/manifest.ts'
import { below, scan, type Check, type Entry, type Store, type Write } from '../../state/store.ts'
import { deliveryKey, letGo, type Delivery, type HistoryEntry } from './records.ts'
import { nothing, withPart, type Edition, type SoFar } from './so-far.ts'

/*
 * made/<command>/<agent>/<number>   MadePart: a part of a tree whose export goes on, numbered from 1; it may be applied already.
 *                                   Each counts in package-uses/<id>, until the index of all holds it
 */
const prefixOf = (command: string, agent: string): string => `made/${command}/${agent}/`
export const madeKey = (command: string, agent: string, number: number): string =>
  `${prefixOf(command, agent)}${String(number).padStart(6, '0')}`

export interface MadePart {
  readonly package: PackageId
  readonly entries: number
  readonly bytes: number
  /** As `editionOf`. */
  readonly edition?: number
}

/** What becomes of an entry, and of the deliveries that have applied some of it, when parts are thrown away. */
export interface Thrown {
  readonly entry: Pick<HistoryEntry, 'made' | 'editions'>
  readonly deliveries: readonly { readonly was: Entry<Delivery>; readonly is: Delivery }[]
  readonly checks: readonly Check[]
  /** Of the parts themselves. */
  readonly writes: readonly Write[]
}

/**
 * Throws away what earlier exports have made behind the first `keep` parts, for export number `tries`: whoever has applied any of those, or brought it
 * somewhere, has to do so with what comes in their place. Undefined where there is nothing behind.
 */
export async function throwAway(
  store: Store,
  { command, agent, made = nothing, editions = [] }: HistoryEntry,
  keep: number,
  tries: number,
): Promise<Thrown | undefined> {
  if (made.parts <= keep) return undefined
  let kept = nothing
  const gone: Entry<MadePart>[] = []
  for await (const part of scan<MadePart>(store, below(prefixOf(command, agent))))
    if (kept.parts < keep) kept = withPart(kept, part.value)
    else gone.push(part)
  const deliveries: { was: Entry<Delivery>; is: Delivery }[] = []
  const checks: Check[] = []
  for await (const was of scan<Delivery>(store, below(deliveryKey(command, agent, '')))) {
    const { applied = nothing, brought = nothing, ...left } = was.value
    if (Math.max(applied.parts, brought.parts) > keep)
      deliveries.push({ was, is: { ...left, ...upTo('applied', applied, kept), ...upTo('brought', brought, kept) } })
    // Somebody may be about to say that he has applied one of them.
    else checks.push({ key: was.key, version: was.version })
  }
  return {
    ...{ deliveries, checks },
    entry: {
      made: kept,
      editions: [...editions.filter(({ from }) => from <= keep), { from: keep + 1, export: tries }],
    },
    writes: [...gone.map(({ key }) => ({ delete: key })), ...letGo(packagesOf(gone), new Date())],
  }
}

/** What of so many parts is among those that are kept. */
function upTo(what: 'applied' | 'brought', is: SoFar, kept: SoFar): Partial<Pick<Delivery, 'applied' | 'brought'>> {
  const left = is.parts > kept.parts ? kept : is
  return left.parts === 0 ? {} : { [what]: left }
}

/** What an entry keeps of it: nothing once it is made or given up, save how its parts are told apart. */
export function leftOfMade({ stage, made, editions }: Pick<HistoryEntry, 'stage' | 'made' | 'editions'>): {
  readonly made: SoFar | undefined
  readonly editions: readonly Edition[] | undefined
} {
  return {
    made: stage === 'preparing' ? made : undefined,
    editions: stage === 'preparing' || stage === 'ready' ? editions : undefined,
  }
}

/** The writes of an export that has ended: its index holds its parts, or nobody does. */
export async function letGoOfMade(store: Store, was: HistoryEntry, is: HistoryEntry): Promise<Write[]> {
  if (was.made === undefined || is.stage === 'preparing') return []
  const gone: Entry<MadePart>[] = []
  for await (const part of scan<MadePart>(store, below(prefixOf(was.command, was.agent)))) gone.push(part)
  return [...gone.map(({ key }) => ({ delete: key })), ...letGo(packagesOf(gone), new Date())]
}

function packagesOf(parts: readonly Entry<MadePart>[]): PackageId[] {
  return parts.map(({ value }) => value.package)
}
