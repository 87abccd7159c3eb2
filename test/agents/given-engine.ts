import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { ulid } from 'ulid'
import { accept, type CommandRequest } from '../../src/agents/commands/accept.ts'
import { viewCommand, type CommandView } from '../../src/agents/commands/views.ts'
import { KeptSecrets } from '../../src/agents/config/kept-secrets.ts'
import { ConfigStore } from '../../src/agents/config/store.ts'
import { deliverHead } from '../../src/agents/work/deliveries.ts'
import { Engine } from '../../src/agents/engine.ts'
import { EventHub } from '../../src/agents/events/hub.ts'
import { exportEntry } from '../../src/agents/work/exports.ts'
import { Metrics } from '../../src/agents/metrics/metrics.ts'
import type { Parts } from '../../src/agents/parts.ts'
import { queueHooks } from '../../src/agents/queues/hooks.ts'
import type { Command } from '../../src/agents/commands/records.ts'
import { Roster } from '../../src/agents/roster.ts'
import { wakeLane, wakeLanes } from '../../src/agents/work/wake.ts'
import { untilFinished } from '../../src/agents/commands/waiting.ts'
import type { EndpointKind, Source, Target, TargetDelivery } from '../../src/endpoints/endpoint.ts'
import { kinds as allKinds } from '../../src/endpoints/kinds.ts'
import { memory, type MemoryOptions } from '../../src/endpoints/memory.ts'
import { memoryTree } from '../../src/endpoints/memory/tree.ts'
import type { Again } from '../../src/queues/work.ts'
import { RowFiles } from '../../src/compare/row-files.ts'
import { PackageStore } from '../../src/packages/store.ts'
import { parsePath } from '../../src/resources/path.ts'
import { openTestHome, testKeys } from '../home.ts'

/** What stands before a target: it may throw, or wait, before the delivery goes in. */
type Gate = (delivery: TargetDelivery, signal: AbortSignal) => Promise<void>
const gates = new Map<string, Gate>()

/** What stands before a source, and behind each resource of it: it is told how many were read so far. */
type SourceGate = (read: number) => Promise<void>
const sourceGates = new Map<string, SourceGate>()

/** A memory endpoint with a gate before it, by its name: one that is as unwell as a test needs it. */
const gated: EndpointKind<MemoryOptions> = {
  ...memory,
  name: 'gated',
  source: (options, context) => {
    const source = memory.source?.(options, context) as Source
    return {
      read: async function* (...asked) {
        let read = 0
        await sourceGates.get(options.name)?.(read)
        for await (const resource of source.read(...asked)) {
          yield resource
          await sourceGates.get(options.name)?.(++read)
        }
      },
    }
  },
  target: (options, context) => {
    const target = memory.target?.(options, context) as Target
    return {
      ...(target.remembers !== undefined && { remembers: target.remembers }),
      ...(target.holdings !== undefined && { holdings: target.holdings }),
      apply: async (delivery, signal) => {
        await gates.get(options.name)?.(delivery, signal)
        return target.apply(delivery, signal)
      },
      test: (signal) => target.test(signal),
    }
  },
}

const kinds = [...allKinds, gated as unknown as EndpointKind]

export interface Given {
  readonly parts: Parts
  readonly configs: ConfigStore
  /** The whole name of a target: trees in memory are shared by the process. */
  name(target: string): string
  /** Creates an agent with a gated source and gated targets of these names. */
  agent(name: string, targets: readonly string[], more?: object): Promise<void>
  /** Puts a file into the source of all agents; undefined removes it. */
  write(path: string, text: string | undefined): void
  /** What a target holds at the path, as text. */
  read(target: string, path: string): string | undefined
  gate(target: string, gate: Gate | undefined): void
  gateSource(gate: SourceGate | undefined): void
  ask(request: Partial<CommandRequest> & { agents: string[]; paths?: never; at?: string[] }): Promise<Command>
  finished(command: { id: string }): Promise<CommandView>
  /** Lets the engine work on what was accepted. */
  begin(command: Command): Promise<void>
  /** Makes the package of a command, by hand. */
  export(command: { id: string }, agent: string): Promise<void>
  /** Lets a lane hand its head to its target once, by hand, and those behind it while there may be `more`. */
  deliver(agent: string, target: string, signal?: AbortSignal, more?: () => boolean): Promise<Again | undefined>
  /** Closes everything and opens it again on the same folder. */
  restart(): Promise<void>
}

interface Options {
  /** Nothing is exported or delivered but by hand. */
  readonly idle?: boolean
}

/** An engine with everything real under it: the Store and the Work that this run is for, packages on disk. */
export async function givenEngine(t: Pick<TestContext, 'after'>, { idle = false }: Options = {}): Promise<Given> {
  const folder = await mkdtemp(join(tmpdir(), 'engine.'))
  const prefix = ulid()
  let running = await start(folder, idle)
  t.after(async () => {
    await running.close()
    await rm(folder, { recursive: true })
  })
  const source = memoryTree(`${prefix}-source`)
  return {
    get parts() {
      return running.parts
    },
    get configs() {
      return running.configs
    },
    name: (target) => `${prefix}-${target}`,
    agent: async (name, targets, more = {}) => {
      await running.configs.create(
        {
          name,
          source: { kind: 'gated', name: `${prefix}-source` },
          targets: targets.map((target) => ({ kind: 'gated', name: `${prefix}-${target}` })),
          queue: { backoff: { initialMs: 20, maxMs: 50 } },
          ...more,
        },
        { actor: 'test' },
      )
    },
    write: (path, text) => {
      if (text === undefined) source.remove(parsePath(path), true)
      else source.put(parsePath(path), Buffer.from(text))
    },
    read: (target, path) => {
      const found = memoryTree(`${prefix}-${target}`).get(parsePath(path))
      return found === undefined || found === 'folder' ? found : Buffer.from(found).toString()
    },
    gate: (target, gate) => {
      const name = `${prefix}-${target}`
      if (gate === undefined) gates.delete(name)
      else gates.set(name, gate)
    },
    gateSource: (gate) => {
      const name = `${prefix}-source`
      if (gate === undefined) sourceGates.delete(name)
      else sourceGates.set(name, gate)
    },
    ask: async ({ at = ['/content'], ...request }) => {
      const { parts, engine } = running
      const outcome = await accept(parts.store, parts.roster, {
        ...{ kind: 'replicate', action: 'add', deep: true, mode: 'update', actor: 'test' },
        ...request,
        paths: at.map(parsePath),
      })
      if (!outcome.taken) throw 'error' in outcome ? outcome.error : new Error('lost')
      if (!idle) await engine.begin(outcome.command)
      return outcome.command
    },
    finished: async ({ id }) => {
      await untilFinished(running.parts, id, 10_000, new AbortController().signal)
      return viewCommand(running.parts.store, id)
    },
    begin: (command) => running.engine.begin(command),
    restart: async () => {
      await running.close()
      running = await start(folder, idle)
    },
    export: async ({ id }, agent) => {
      await exportEntry(running.parts, id, agent, new AbortController().signal)
    },
    deliver: (agent, target, signal = new AbortController().signal, more = () => false) =>
      deliverHead(running.parts, { agent, queue: `${prefix}-${target}` }, signal, more),
  }
}

async function start(
  folder: string,
  idle: boolean,
): Promise<{ parts: Parts; configs: ConfigStore; engine: Engine; close: () => Promise<void> }> {
  const log = pino({ level: 'silent' })
  const home = await openTestHome(folder, log)
  const { store, work } = home
  const packages = await PackageStore.open(join(folder, 'packages'))
  const rowFiles = await RowFiles.open(join(folder, 'packages', 'comparisons'))
  const secrets = new KeptSecrets(kinds, testKeys)
  const configs = new ConfigStore(store, secrets, queueHooks(store))
  const roster = new Roster(configs, kinds, { installation: 'here' })
  const events = new EventHub()
  await events.open(store, (error) => {
    throw error
  })
  const parts: Parts = {
    ...{ store, work, packages, rowFiles, roster, events, log, installation: 'here' },
    metrics: new Metrics(new Registry(), store),
    wakeLanes: (agent, command) => wakeLanes({ store, work }, agent, command),
    wakeLane: (lane) => wakeLane({ store, work }, lane),
  }
  const engine = new Engine(parts)
  if (!idle) await engine.start()
  const close = async (): Promise<void> => {
    await engine.stop()
    await work.close(0)
    await events.close()
    await roster.close()
    await store.close()
    await home.leave()
  }
  return { parts, configs, engine, close }
}
