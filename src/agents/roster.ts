import type { Bounds } from '../endpoints/bounds/bounds.ts'
import type { EndpointContext, EndpointKind, Puller, Source, Target, Watcher } from '../endpoints/endpoint.ts'
import { errorView, ReplicationError } from '../errors.ts'
import { includes } from '../resources/glob.ts'
import type { ResourcePath } from '../resources/path.ts'
import { configKey } from './config/record.ts'
import type { ConfigStore, LoadedConfig } from './config/store.ts'
import { queuesOf, type AgentConfig, type EndpointConfig } from './config/config.ts'
import { optionsOf } from './config/endpoint-config.ts'
import { withSecrets } from './config/secrets.ts'
import { AskedAhead } from './asked-ahead.ts'
import { Paces } from './paces.ts'

/** A named agent, made from its present config. */
export interface Agent {
  readonly name: string
  readonly config: AgentConfig
  /** Key and version of its config in the Store, for checks: a batch must not act for an agent that changed. */
  readonly key: string
  readonly version: string
  /** Targets and passive queues. */
  readonly queues: readonly string[]
  readonly targets: readonly string[]
  readonly passive: readonly string[]
  readonly includes: (path: ResourcePath) => boolean
  /** Why it cannot start, when it cannot. */
  readonly fault?: string
  /** Throw what made the endpoint impossible: a kind that is no more, a secret that is missing. */
  source(): Source
  /** Undefined when its source is no queue of another server. */
  readonly puller: (() => Puller) | undefined
  /** Undefined when its source cannot be watched. */
  readonly watcher: (() => Watcher) | undefined
  target(name: string): Target
  /** Names its source and one of its targets by where they are: what was in common with others says nothing of them. */
  pairOf(target: string): string
}

/** The agents, as their configs are at the moment of asking: a change takes effect for the next item of each queue. */
export class Roster {
  readonly #configs: ConfigStore
  readonly #kinds: readonly EndpointKind[]
  readonly #context: EndpointContext
  readonly #made = new Map<string, Promise<Made>>()
  readonly paces = new Paces((name) => this.find(name))
  readonly asked = new AskedAhead()

  constructor(configs: ConfigStore, kinds: readonly EndpointKind[], context: EndpointContext) {
    this.#configs = configs
    this.#kinds = kinds
    this.#context = context
  }

  async find(name: string): Promise<Agent | undefined> {
    let loaded: LoadedConfig
    try {
      loaded = await this.#configs.load(name)
    } catch (error) {
      if (!(error instanceof ReplicationError) || error.code !== 'missing') throw error
      await this.#drop(name)
      return undefined
    }
    const made = await this.#made.get(name)
    if (made?.agent.version === loaded.version && made.agent.fault === undefined) return made.agent
    const making = make(loaded, this.#kinds, this.#context)
    this.#made.set(name, making)
    // Deliveries under way go on with the endpoints that they began with.
    const { agent } = await making
    return agent
  }

  /** Throws `missing`. */
  async get(name: string): Promise<Agent> {
    const agent = await this.find(name)
    if (agent === undefined) throw new ReplicationError('missing', `no agent is named ${name}`)
    return agent
  }

  /** By name. */
  async *all(): AsyncGenerator<Agent, void, void> {
    let after: string | undefined
    do {
      const page = await this.#configs.list({ limit: 100, ...(after !== undefined && { after }) })
      for (const { config } of page.items) {
        const agent = await this.find(config.name)
        if (agent !== undefined) yield agent
      }
      after = page.next
    } while (after !== undefined)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#made.keys()].map((name) => this.#drop(name)))
  }

  async #drop(name: string): Promise<void> {
    const made = await this.#made.get(name)
    this.#made.delete(name)
    await made?.close()
  }
}

interface Made {
  readonly agent: Agent
  close(): Promise<void>
}

async function make(
  { config, version }: LoadedConfig,
  kinds: readonly EndpointKind[],
  context: EndpointContext,
): Promise<Made> {
  const faults: string[] = []
  const attempt = async <E>(where: string, build: () => Promise<E>): Promise<() => E> => {
    try {
      const endpoint = await build()
      return () => endpoint
    } catch (error) {
      faults.push(`${where}: ${errorView(error).detail}`)
      return () => {
        throw error
      }
    }
  }
  const { source: from } = config
  const pulls = from !== undefined && kinds.find(({ name }) => name === from.kind)?.puller !== undefined
  const puller =
    from === undefined || !pulls
      ? undefined
      : await attempt('source', async () => {
          const { kind, options } = await resolve(from, kinds, context.bounds)
          if (kind.puller === undefined) throw new ReplicationError('invalid', `kind ${kind.name} is no queue`)
          return kind.puller(options, context)
        })
  const source =
    from === undefined || pulls
      ? (): never => {
          throw new ReplicationError('conflict', `agent ${config.name} has no source to read`)
        }
      : await attempt('source', async () => {
          const { kind, options } = await resolve(from, kinds, context.bounds)
          if (kind.source === undefined) throw new ReplicationError('invalid', `kind ${kind.name} cannot be a source`)
          return kind.source(options, context)
        })
  const watches = from !== undefined && kinds.find(({ name }) => name === from.kind)?.watch !== undefined
  const watcher =
    from === undefined || !watches || !config.triggers.some((trigger) => trigger.kind === 'watch')
      ? undefined
      : await attempt('source', async () => {
          const { kind, options } = await resolve(from, kinds, context.bounds)
          if (kind.watch === undefined) throw new ReplicationError('invalid', `kind ${kind.name} cannot be watched`)
          return kind.watch(options, context)
        })
  const targets = new Map<string, () => Target>()
  for (const to of config.targets)
    targets.set(
      to.name,
      await attempt(`target ${to.name}`, async () => {
        const { kind, options } = await resolve(to, kinds, context.bounds)
        if (kind.target === undefined) throw new ReplicationError('invalid', `kind ${kind.name} cannot be a target`)
        return kind.target(options, context)
      }),
    )
  const pairs = new Map<string, string>()
  for (const to of config.targets)
    pairs.set(to.name, JSON.stringify([await whereIs(from, kinds), await whereIs(to, kinds)]))
  const agent: Agent = {
    ...{ name: config.name, config, key: configKey(config.name), version },
    ...{
      queues: queuesOf(config),
      targets: [...targets.keys()],
      passive: config.passive,
      includes: includes(config.filters),
      ...{ source, puller, watcher },
    },
    ...(faults[0] !== undefined && { fault: faults.join('; ') }),
    target: (name) => {
      const target = targets.get(name)
      if (target === undefined) throw new ReplicationError('missing', `agent ${config.name} has no target ${name}`)
      return target()
    },
    pairOf: (name) => pairs.get(name) ?? '',
  }
  return { agent, close: () => closeAll([source, ...targets.values()]) }
}

/** As far as it can be told. */
async function whereIs(
  endpoint: EndpointConfig | undefined,
  kinds: readonly EndpointKind[],
): Promise<readonly string[] | null> {
  const kind = kinds.find(({ name }) => name === endpoint?.kind)
  if (endpoint === undefined || kind === undefined) return null
  try {
    return await kind.place(optionsOf(endpoint, kind))
  } catch {
    return [endpoint.kind]
  }
}

/** The kind of an endpoint, and its options with their secrets. Throws `invalid`, `unavailable`, `forbidden`. */
export async function resolve(
  endpoint: EndpointConfig,
  kinds: readonly EndpointKind[],
  bounds: Bounds | undefined,
): Promise<{ kind: EndpointKind; options: unknown }> {
  const kind = kinds.find(({ name }) => name === endpoint.kind)
  if (kind === undefined) throw new ReplicationError('invalid', `this server has no endpoint kind ${endpoint.kind}`)
  return {
    kind,
    options: await withSecrets(optionsOf(endpoint, kind), kind, { env: process.env, bounds: bounds?.secrets }),
  }
}

async function closeAll(endpoints: readonly (() => Source | Target)[]): Promise<void> {
  for (const endpoint of endpoints) {
    let made: Source | Target
    try {
      made = endpoint()
    } catch {
      // It never came to be.
      continue
    }
    await made.close?.()
  }
}
