import { ReplicationError } from '../../errors.ts'
import { below, type Store } from '../../state/store.ts'
import type { KeptSecrets } from './kept-secrets.ts'
import {
  configKey,
  etagOf,
  revisionKey,
  shownChanges,
  type Revision,
  type ShownRevision,
  type StoredConfig,
  type StoredRevision,
} from './record.ts'

export interface RevisionsWanted {
  /** The last number of the page before. */
  readonly before?: number
  readonly limit: number
}

export interface RevisionsPage {
  readonly items: Revision[]
  readonly next?: number
}

/** Newest first. Throws `missing` for a name that never was. */
export async function listRevisions(
  store: Store,
  name: string,
  { before, limit }: RevisionsWanted,
): Promise<RevisionsPage> {
  const { from, to } = below(`config-revision/${name}/`)
  const entries = await store.range<StoredRevision>({
    from,
    to: before === undefined ? to : revisionKey(name, before),
    reverse: true,
    limit: limit + 1,
  })
  if (entries.length === 0 && before === undefined) throw missing(name)
  const items = entries.slice(0, limit).map(({ value: { config: _, ...revision } }): Revision => revision)
  const last = items.at(-1)
  return entries.length > limit && last !== undefined ? { items, next: last.number } : { items }
}

/** One revision, and what restoring it would change in what is current. Throws `missing`. */
export async function readRevision(
  store: Store,
  secrets: KeptSecrets,
  name: string,
  number: number,
): Promise<ShownRevision> {
  const [stored, current] = await Promise.all([
    store.get<StoredRevision>(revisionKey(name, number)),
    store.get<StoredConfig>(configKey(name)),
  ])
  if (stored === undefined) throw new ReplicationError('missing', `agent ${name} has no revision ${number}`)
  const { config: kept, ...revision } = stored.value
  const config = kept && secrets.opened(kept)
  const before = current && secrets.opened(current.value.config)
  return {
    ...revision,
    ...(config && { config: secrets.shown(config), restoring: shownChanges(before, config, secrets) }),
    ...(current && { etag: etagOf(current.value.revision) }),
  }
}

export function missing(name: string): ReplicationError {
  return new ReplicationError('missing', `no agent is named ${name}`)
}
