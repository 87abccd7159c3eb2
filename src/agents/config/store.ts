import { ulid } from 'ulid'
import { ReplicationError, type Fault } from '../../errors.ts'
import type { Bounds } from '../../endpoints/bounds/bounds.ts'
import type { EndpointKind } from '../../endpoints/endpoint.ts'
import { below, scan, type Batch, type Store } from '../../state/store.ts'
import { demand, type Conditions } from './conditions.ts'
import { dropWrites, type QueueHooks } from './drops.ts'
import {
  configKey,
  etagOf,
  knownKey,
  recordWrites,
  revisionKey,
  shownChanges,
  type Checked,
  type Revision,
  type ShownRevision,
  type StoredConfig,
  type StoredRevision,
} from './record.ts'
import { listRevisions, missing, readRevision, type RevisionsPage, type RevisionsWanted } from './revisions.ts'
import { isName, type AgentConfig } from './config.ts'
import { mergePatch } from './merge-patch.ts'
import { parseAgentConfig, type Parsed } from './parse.ts'
import type { KeptSecrets } from './kept-secrets.ts'
import { isTied, loopFault } from '../triggers/loops.ts'
import { tiesKey, triggerWrites } from '../triggers/records.ts'

/** A config as callers may see it: without its secrets. */
export interface ShownConfig {
  readonly config: AgentConfig
  readonly revision: number
  /** Strong: names the agent's revision. */
  readonly etag: string
}

/** A config as agents need it: with its secrets. `version` is for checks on `configKey(name)`. */
export interface LoadedConfig {
  readonly config: AgentConfig
  readonly revision: number
  readonly version: string
}

/** Who writes, and on which conditions. */
export interface Author {
  readonly actor: string
  readonly conditions?: Conditions
  /** Drops queues that hold items. */
  readonly force?: boolean
  /** Throws for what the author may not have written. */
  readonly admit?: (config: AgentConfig) => void
  /** Whether the author may be told of that agent. */
  readonly sees?: (agent: string) => boolean
}

/** How often a write starts again because somebody else was faster. */
const maxTries = 20

/** What a write leaves: no config when it deletes. */
interface Next extends Pick<Revision, 'action' | 'restored'> {
  readonly config?: AgentConfig
}

/**
 * The configs of all agents, in the Store, with every revision of each. A write is one atomic batch of the config, its
 * revision and the event, conditional on what was read; whoever comes second starts again, or is told that his
 * conditions no longer hold (`stale`).
 */
export class ConfigStore {
  readonly #store: Store
  readonly #kinds: readonly EndpointKind[]
  readonly #hooks: QueueHooks
  readonly #secrets: KeptSecrets
  readonly #bounds: Bounds | undefined

  constructor(store: Store, secrets: KeptSecrets, hooks: QueueHooks, bounds?: Bounds) {
    this.#store = store
    this.#kinds = secrets.kinds
    this.#hooks = hooks
    this.#secrets = secrets
    this.#bounds = bounds
  }

  /** By name, those that are seen. `after`: the last name of the page before. */
  async list(options: {
    after?: string
    limit: number
    sees?: (agent: string) => boolean
  }): Promise<{ items: ShownConfig[]; next?: string }> {
    const { after, limit, sees } = options
    const { from, to } = below('config/')
    const start = after === undefined ? from : `${configKey(after)}\0`
    const items: ShownConfig[] = []
    for await (const { value } of scan<StoredConfig>(this.#store, { from: start, to }, limit + 1)) {
      if (sees?.(value.config.name) === false) continue
      if (items.length === limit) return { items, next: items.at(-1)?.config.name ?? '' }
      items.push(this.#shown(value))
    }
    return { items }
  }

  /** Throws `missing`. */
  async read(name: string): Promise<ShownConfig> {
    const { config, revision } = await this.load(name)
    return this.#shown({ config, revision })
  }

  /** With its secrets, for the agent itself. Throws `missing`. */
  async load(name: string): Promise<LoadedConfig> {
    const entry = await this.#store.get<StoredConfig>(configKey(name))
    if (entry === undefined) throw missing(name)
    const { config, revision } = entry.value
    return { config: this.#secrets.opened(config), revision, version: entry.version }
  }

  /** Throws `invalid` with faults, `conflict` when the name is taken, `stale`. */
  async create(input: unknown, author: Author): Promise<ShownConfig> {
    const config = await this.#parse(input)
    const written = await this.#write(config.name, author, { mustExist: false }, async (current) => {
      if (current !== undefined)
        throw new ReplicationError(
          'conflict',
          `an agent is named ${config.name} already; use PUT or PATCH to change it`,
        )
      return { action: 'created' as const, config }
    })
    return this.#shown(written)
  }

  /** Replaces the config, or creates it. The input may leave its `name` out. Throws `invalid`, `conflict`, `stale`. */
  async put(name: string, input: unknown, author: Author): Promise<ShownConfig & { readonly created: boolean }> {
    const named = isObject(input) && !('name' in input) ? { ...input, name } : input
    const written = await this.#write(name, author, { mustExist: false }, async (current) => ({
      action: current === undefined ? ('created' as const) : ('updated' as const),
      config: await this.#parse(named, name, current?.config),
    }))
    return { ...this.#shown(written), created: written.action === 'created' }
  }

  /** Applies a JSON merge patch to what a GET shows. Throws `missing`, `invalid`, `conflict`, `stale`. */
  async patch(name: string, patch: unknown, author: Author): Promise<ShownConfig> {
    const written = await this.#write(name, author, { mustExist: true }, async (current) => ({
      action: 'updated' as const,
      config: await this.#parse(
        mergePatch(current && this.#secrets.shown(current.config), patch),
        name,
        current?.config,
      ),
    }))
    return this.#shown(written)
  }

  /** Throws `missing`, `conflict` while queues hold items, `stale`. Its revisions are kept, so that it can come back. */
  async delete(name: string, author: Author): Promise<void> {
    await this.#write(name, author, { mustExist: true }, async () => ({ action: 'deleted' as const }))
  }

  revisions(...asked: [name: string, options: RevisionsWanted]): Promise<RevisionsPage> {
    return listRevisions(this.#store, ...asked)
  }

  revision(name: string, number: number): Promise<ShownRevision> {
    return readRevision(this.#store, this.#secrets, name, number)
  }

  /**
   * Makes the config of that revision, its secrets included, current again, as a new revision; also of a deleted agent.
   * Throws `missing`, `invalid` when this server no longer accepts it, `conflict`, `stale`.
   */
  async restore(name: string, number: number, author: Author): Promise<ShownConfig> {
    const entry = await this.#store.get<StoredRevision>(revisionKey(name, number))
    const kept = entry?.value.config
    if (kept === undefined)
      throw new ReplicationError('missing', `agent ${name} has no revision ${number} that could be restored`)
    const config = this.#secrets.opened(kept)
    this.#secrets.refuseLocked(config)
    const written = await this.#write(name, author, { mustExist: false }, async () => ({
      action: 'restored' as const,
      config: await this.#parse(config, name, config),
      restored: number,
    }))
    return this.#shown(written)
  }

  /** What is wrong with the input, were it PUT now, or what that would change. */
  async check(input: unknown, { sees }: Pick<Author, 'sees'> = {}): Promise<Checked> {
    const name = isObject(input) && 'name' in input ? input.name : undefined
    const stored =
      typeof name === 'string' && isName(name) ? await this.#store.get<StoredConfig>(configKey(name)) : undefined
    const before = stored && this.#secrets.opened(stored.value.config)
    const parsed = await this.#checked(input, before)
    if ('faults' in parsed) return parsed
    const loop = await this.#loop(parsed.config, sees)
    if (loop !== undefined) return { faults: [loop] }
    const changes = shownChanges(before, parsed.config, this.#secrets)
    return { faults: [], config: parsed.config, changes, ...(stored && { etag: etagOf(stored.value.revision) }) }
  }

  /** Whether this installation has, or ever had, an agent of that name. */
  async everHad(name: string): Promise<boolean> {
    return isName(name) && (await this.#store.get(knownKey(name))) !== undefined
  }

  async #parse(input: unknown, name?: string, stored?: AgentConfig): Promise<AgentConfig> {
    const parsed = await this.#checked(input, stored)
    const faults = 'faults' in parsed ? [...parsed.faults] : []
    if (name !== undefined && isObject(input) && 'name' in input && input.name !== name)
      faults.unshift({ pointer: '/name', message: `must be ${name}, the name in the path` })
    if ('config' in parsed && faults.length === 0) return parsed.config
    throw new ReplicationError('invalid', 'the config cannot be used', { faults })
  }

  async #checked(input: unknown, stored: AgentConfig | undefined): Promise<Parsed> {
    const parsed = await parseAgentConfig(input, this.#kinds, stored, this.#bounds)
    const faults = 'faults' in parsed ? [] : this.#secrets.faults(parsed.config, stored)
    return faults.length > 0 ? { faults } : parsed
  }

  async #write<N extends Next>(
    name: string,
    author: Author,
    { mustExist }: { readonly mustExist: boolean },
    decide: (current?: StoredConfig) => Promise<N>,
  ): Promise<N & { readonly revision: number }> {
    for (let tries = 0; tries < maxTries; tries++) {
      const [entry, known] = await this.#store.getAll<StoredConfig>([configKey(name), knownKey(name)])
      const current = entry && { ...entry.value, config: this.#secrets.opened(entry.value.config) }
      if (mustExist && current === undefined) throw missing(name)
      demand(author.conditions ?? {}, current === undefined ? undefined : etagOf(current.revision))
      const next = await decide(current)
      const { config, action, restored } = next
      if (config !== undefined) author.admit?.(config)
      const number = (known?.value.revision ?? 0) + 1
      const links = await this.#links(name, current?.config, config, author)
      const drop = await dropWrites(this.#hooks, name, {
        before: current?.config,
        after: config,
        force: author.force === true,
      })
      const change = { name, number, actor: author.actor, action, restored, before: current?.config, after: config }
      const committed = await this.#store.commit({
        checks: [
          { key: configKey(name), version: entry?.version ?? null },
          { key: knownKey(name), version: known?.version ?? null },
          ...(links.checks ?? []),
          ...(drop.checks ?? []),
        ],
        writes: [...recordWrites(change, this.#secrets), ...links.writes, ...drop.writes],
      })
      if (committed.ok) return { ...next, revision: number }
    }
    throw new ReplicationError('busy', `the config of agent ${name} is being changed by others; try again`)
  }

  /** What is kept of its triggers. Throws `invalid` when they would close a loop. */
  async #links(
    name: string,
    before: AgentConfig | undefined,
    after: AgentConfig | undefined,
    { sees }: Author,
  ): Promise<Batch> {
    const { checks = [], writes } = await triggerWrites(this.#store, name, before, after)
    if (after === undefined || !isTied(after)) return { checks, writes }
    // Read before the others: whoever ties agents meanwhile makes this write look again.
    const ties = await this.#store.get<string>(tiesKey)
    const loop = await this.#loop(after, sees)
    if (loop !== undefined) throw new ReplicationError('invalid', 'the config cannot be used', { faults: [loop] })
    return {
      checks: [...checks, { key: tiesKey, version: ties?.version ?? null }],
      writes: [...writes, { put: tiesKey, value: ulid() }],
    }
  }

  #loop(config: AgentConfig, sees: Author['sees']): Promise<Fault | undefined> {
    return loopFault(config, configsIn(this.#store), this.#kinds, sees)
  }

  #shown({ config, revision }: StoredConfig): ShownConfig {
    return { config: this.#secrets.shown(config), revision, etag: etagOf(revision) }
  }
}

/** All of them, as they are kept. */
async function* configsIn(store: Store): AsyncGenerator<AgentConfig, void, void> {
  for await (const { value } of scan<StoredConfig>(store, below('config/'))) yield value.config
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
