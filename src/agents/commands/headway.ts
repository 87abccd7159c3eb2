import { below, scan, type Store } from '../../state/store.ts'
import { deliveryKey, entryKey, type Delivery, type HistoryEntry } from './records.ts'

/*
 * progress/<command>/<agent>            Headway of an export, while it goes on
 * progress/<command>/<agent>/<target>   Headway of a delivery, while it goes on
 *
 * Only what takes longer than a second has one. It goes with the try that told it; what a server that died has left goes when the
 * next try begins, or is swept.
 */
const prefix = 'progress/'
export const exportHeadwayKey = (command: string, agent: string): string => `${prefix}${command}/${agent}`
export const headwayKey = (command: string, agent: string, target: string): string =>
  `${prefix}${command}/${agent}/${target}`

/** What is being done: the source is read, the package is sent, or what is in it is applied. */
export const headwayPhases = ['reading', 'sending', 'applying'] as const

/** How far an export or a try of a delivery is. */
export interface Headway {
  readonly phase: (typeof headwayPhases)[number]
  /** While it is sent these are bytes of the package as it travels, else of contents. */
  readonly bytes: number
  readonly totalBytes?: number
  readonly entries: number
  readonly totalEntries?: number
  /** Of this try, RFC 3339. */
  readonly startedAt: string
  readonly at: string
}

/** How far each of these deliveries is; only those under way are looked for. */
export async function headwaysOf(
  store: Store,
  deliveries: readonly Delivery[],
): Promise<ReadonlyMap<Delivery, Headway>> {
  const active = deliveries.filter(({ active }) => active)
  if (active.length === 0) return new Map()
  const found = await store.getAll<Headway>(
    active.map(({ command, agent, target }) => headwayKey(command, agent, target)),
  )
  return new Map(
    active.flatMap((delivery, i) => {
      const headway = found[i]?.value
      return headway === undefined ? [] : [[delivery, headway] as const]
    }),
  )
}

export async function exportHeadway(
  store: Store,
  { command, agent, stage }: HistoryEntry,
): Promise<Headway | undefined> {
  return stage === 'preparing' ? (await store.get<Headway>(exportHeadwayKey(command, agent)))?.value : undefined
}

/** Removes what is left of those that have ended without a word. */
export async function forgetHeadway(store: Store, signal: AbortSignal): Promise<void> {
  for await (const { key, version } of scan(store, below(prefix))) {
    if (signal.aborted) return
    const [, command = '', agent = '', target] = key.split('/')
    const goesOn =
      target === undefined
        ? (await store.get<HistoryEntry>(entryKey(command, agent)))?.value.stage === 'preparing'
        : (await store.get<Delivery>(deliveryKey(command, agent, target)))?.value.active === true
    if (!goesOn) await store.commit({ checks: [{ key, version }], writes: [{ delete: key }] })
  }
}
