import { decodeTime } from 'ulid'
import { errorView, type ErrorView } from '../../errors.ts'
import { isWithin, type ResourcePath } from '../../resources/path.ts'
import { deliveryKey, type Delivery } from '../commands/records.ts'
import type { Parts } from '../parts.ts'
import type { Agent } from '../roster.ts'
import { baseAt } from './ancestors.ts'
import { driftsOf } from './drift.ts'

/** Longer nobody waits for a source. */
const sourceMs = 10_000

/** What is known to be at a path. A folder that is there has no digest. */
export interface Whereabouts {
  readonly state: 'present' | 'absent' | 'unknown'
  readonly folder?: true
  readonly digest?: string
  readonly size?: number
}

/** What the last receipts say of a path at one target. */
export interface PlaceOfPath extends Whereabouts {
  readonly agent: string
  readonly target: string
  /** Since when it is so, and by which command: the newest that was delivered and said so. */
  readonly since?: string
  readonly command?: string
  /** The package that brought it. */
  readonly package?: string
  /** When the target was last compared as a whole with its source. */
  readonly verifiedAt?: string
  /** What the source has now, where that was asked for. */
  readonly source?: Whereabouts & { readonly error?: ErrorView }
}

type Kept = Pick<Parts, 'store' | 'packages' | 'rowFiles' | 'log'>

/** Of each target of the agent, if its roots admit the path. */
export async function whereIs(
  kept: Kept,
  agent: Agent,
  path: ResourcePath,
  { source, signal }: { readonly source: boolean; readonly signal: AbortSignal },
): Promise<PlaceOfPath[]> {
  if (agent.targets.length === 0 || !agent.config.roots.some((root) => isWithin(path, root))) return []
  const now = source && agent.config.source !== undefined && agent.puller === undefined
  const [drifts, at] = await Promise.all([
    driftsOf(kept.store, agent.name, agent.targets),
    now ? atSource(agent, path, AbortSignal.any([signal, AbortSignal.timeout(sourceMs)])) : undefined,
  ])
  const places: PlaceOfPath[] = []
  for (const [i, target] of agent.targets.entries()) {
    signal.throwIfAborted()
    const verifiedAt = drifts[i]?.at
    places.push({
      ...{ agent: agent.name, target, ...(await atTarget(kept, agent, target, path)) },
      ...(verifiedAt !== undefined && { verifiedAt }),
      ...(at !== undefined && { source: at }),
    })
  }
  return places
}

async function atTarget(
  kept: Kept,
  agent: Agent,
  target: string,
  path: ResourcePath,
): Promise<Omit<PlaceOfPath, 'agent' | 'target'>> {
  const { row, covers } = await baseAt(kept, agent, target, path)
  if (row === undefined || row.unknown === true) return { state: covers && row === undefined ? 'absent' : 'unknown' }
  const { command, package: from, digest, size, folder } = row
  const by = command === undefined ? {} : { command, since: await endOf(kept, command, agent.name, target) }
  // What is above it is a content, or has gone with all that it held.
  if (row.path !== path || (digest === undefined && folder === undefined)) return { state: 'absent', ...by }
  return {
    ...{ state: 'present', ...by },
    ...(folder !== undefined && { folder }),
    ...(digest !== undefined && { digest }),
    ...(size !== undefined && { size }),
    ...(from !== undefined && { package: from }),
  }
}

/** When it was delivered; of what is no longer kept, when it was asked for. */
async function endOf({ store }: Kept, command: string, agent: string, target: string): Promise<string> {
  const delivery = await store.get<Delivery>(deliveryKey(command, agent, target))
  return delivery?.value.finishedAt ?? new Date(decodeTime(command)).toISOString()
}

/** Only of sources that can say it without reading all of a tree. */
async function atSource(agent: Agent, path: ResourcePath, signal: AbortSignal): Promise<PlaceOfPath['source']> {
  try {
    const from = agent.source()
    if (from.list === undefined) return { state: 'unknown' }
    for await (const { path: at, digest, size } of from.list(path, signal)) {
      if (at !== path) break
      return {
        state: 'present',
        ...(digest === undefined ? { folder: true as const } : { digest }),
        ...(size !== undefined && { size }),
      }
    }
    return { state: 'absent' }
  } catch (error) {
    return { state: 'unknown', error: errorView(error) }
  }
}
