import type { Fault } from '../../errors.ts'
import type { Write } from '../../state/store.ts'
import { changesBetween, type ConfigChange } from './changes.ts'
import type { AgentConfig } from './config.ts'
import { eventWrites } from '../events/events.ts'
import type { KeptSecrets } from './kept-secrets.ts'

/**
 * How configs lie in the Store:
 *
 *     config/<name>                       what is current, its secrets encrypted
 *     config-known/<name>                 every name that ever was, with its last revision: tags never come twice
 *     config-revision/<name>/<8 digits>   every write, with the whole config that it left, for restoring
 */
export interface StoredConfig {
  readonly revision: number
  readonly config: AgentConfig
}

/** One write of a config, as callers see it. */
export interface Revision {
  readonly number: number
  /** RFC 3339, UTC. */
  readonly at: string
  readonly actor: string
  readonly action: 'created' | 'updated' | 'restored' | 'deleted'
  /** The number of the revision that became current again. */
  readonly restored?: number
  /** Secrets are redacted in them. */
  readonly changes: readonly ConfigChange[]
}

export interface StoredRevision extends Revision {
  /** What the write left: nothing, where it was a deletion. */
  readonly config?: AgentConfig
}

/** A revision by itself, as callers see it. */
export interface ShownRevision extends Revision {
  /** What the write left, without its secrets: nothing, where it was a deletion. */
  readonly config?: AgentConfig
  /** What restoring it would change in what is current; where nothing is, all of it. */
  readonly restoring?: readonly ConfigChange[]
  /** Of what is current. */
  readonly etag?: string
}

/** A config that was looked at, and not stored. */
export interface Checked {
  readonly faults: readonly Fault[]
  /** Without faults: what it is, complete. */
  readonly config?: AgentConfig
  /** What it changes in the one that is stored; without that one, all of it. */
  readonly changes?: readonly ConfigChange[]
  /** Of the one that is stored. */
  readonly etag?: string
}

export function etagOf(revision: number): string {
  return `"r${revision}"`
}

export const configKey = (name: string): string => `config/${name}`
export const knownKey = (name: string): string => `config-known/${name}`
export const revisionKey = (name: string, number: number): string =>
  `config-revision/${name}/${String(number).padStart(8, '0')}`

export interface Change extends Pick<Revision, 'number' | 'actor' | 'action'> {
  readonly restored: number | undefined
  readonly name: string
  readonly before: AgentConfig | undefined
  readonly after: AgentConfig | undefined
}

/** Everything that one write of a config leaves in the Store. */
export function recordWrites(change: Change, secrets: KeptSecrets): Write[] {
  const { name, number, actor, action, restored, before, after } = change
  const at = new Date().toISOString()
  const kept = after && secrets.encrypted(after)
  const revision: StoredRevision = {
    number,
    at,
    actor,
    action,
    ...(restored === undefined ? {} : { restored }),
    changes: shownChanges(before, after, secrets),
    ...(kept === undefined ? {} : { config: kept }),
  }
  return [
    kept === undefined
      ? { delete: configKey(name) }
      : { put: configKey(name), value: { revision: number, config: kept } satisfies StoredConfig },
    ...(kept === undefined ? [] : secrets.marks(kept)),
    { put: knownKey(name), value: { revision: number } },
    { put: revisionKey(name, number), value: revision },
    ...eventWrites({ type: 'config.changed', at, agent: name, actor, data: { action, revision: number } }),
  ]
}

/** What is different; secrets are compared, and not shown. Both are opened. */
export function shownChanges(
  before: AgentConfig | undefined,
  after: AgentConfig | undefined,
  secrets: KeptSecrets,
): ConfigChange[] {
  const version = (config: AgentConfig | undefined): { real: unknown; shown: unknown } => ({
    real: config,
    shown: config === undefined ? undefined : secrets.shown(config),
  })
  return changesBetween(version(before), version(after))
}
