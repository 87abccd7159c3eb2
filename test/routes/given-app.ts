import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { Access } from '../../src/access/access.ts'
import { KeptSecrets } from '../../src/agents/config/kept-secrets.ts'
import { ConfigStore } from '../../src/agents/config/store.ts'
import { Engine } from '../../src/agents/engine.ts'
import { EventHub } from '../../src/agents/events/hub.ts'
import { Metrics } from '../../src/agents/metrics/metrics.ts'
import type { Parts } from '../../src/agents/parts.ts'
import { queueHooks } from '../../src/agents/queues/hooks.ts'
import { Roster } from '../../src/agents/roster.ts'
import { wakeLane, wakeLanes } from '../../src/agents/work/wake.ts'
import { buildApp, type AppParts } from '../../src/app.ts'
import type { RouteParts } from '../../src/routes/parts.ts'
import { kinds } from '../../src/endpoints/kinds.ts'
import { defaultLimits } from '../../src/packages/limits.ts'
import { RowFiles } from '../../src/compare/row-files.ts'
import { PackageStore } from '../../src/packages/store.ts'
import { EventStreams } from '../../src/routes/event-streams.ts'
import { Idempotency } from '../../src/routes/idempotency.ts'
import { openTestHome, testKeys } from '../home.ts'
import { answerChecker } from './documented.ts'

export interface GivenApp {
  readonly app: FastifyInstance
  readonly parts: RouteParts
  /** Removed after the test. */
  readonly folder: string
  /** Lines that were logged, parsed. */
  readonly lines: Record<string, unknown>[]
  /** Calls the app, and asserts that the answer is one that the OpenAPI document promises. */
  call(options: InjectOptions | string): Promise<LightMyRequestResponse>
  /** A config that is valid, from one folder to another. */
  config(name: string): Record<string, unknown>
}

/** Of the app: few, so that a test may open all of them. */
export const maxEventStreams = 3

let check: ReturnType<typeof answerChecker> | undefined

/** The app over real parts; nothing listens and no work is done. `t` is a test, or the whole file: `{ after }`. */
export async function givenApp(
  t: { after(fn: () => Promise<void>): void },
  others: Partial<AppParts> = {},
): Promise<GivenApp> {
  const folder = await mkdtemp(join(tmpdir(), 'app.'))
  const lines: Record<string, unknown>[] = []
  const log = pino({ level: 'debug' }, { write: (line) => void lines.push(JSON.parse(line)) })
  const home = await openTestHome(folder, log)
  const { store, work } = home
  const packages = await PackageStore.open(join(folder, 'packages'), { limits: defaultLimits })
  const rowFiles = await RowFiles.open(join(folder, 'packages', 'comparisons'))
  const secrets = new KeptSecrets(kinds, testKeys)
  const configs = new ConfigStore(store, secrets, queueHooks(store))
  const roster = new Roster(configs, kinds, { installation: 'test' })
  const registry = new Registry()
  const events = new EventHub()
  await events.open(store, (err) => log.error({ err }, 'events cannot be followed'))
  const own: Parts = {
    ...{ store, work, packages, rowFiles, roster, log, installation: 'test', events },
    metrics: new Metrics(registry, store),
    wakeLanes: (agent, command) => wakeLanes({ store, work }, agent, command),
    wakeLane: (lane) => wakeLane({ store, work }, lane),
  }
  const parts: RouteParts = {
    ...own,
    ...{
      access: new Access(store),
      configs,
      kinds,
      secrets,
      registry,
      engine: new Engine(own),
      idempotency: new Idempotency(store),
    },
    eventStreams: new EventStreams({ store, events, registry }, maxEventStreams),
    closing: new AbortController().signal,
    ready: async () => ({ warnings: [] }),
    settings: { maxUploadBytes: 1_000_000, roles: new Set(['api', 'worker']) },
    ...others,
  }
  const app = await buildApp(parts)
  t.after(async () => {
    await app.close()
    await work.close(0)
    await events.close()
    await roster.close()
    await store.close()
    await home.leave()
    await rm(folder, { recursive: true })
  })
  // The document is the same for every app.
  check ??= answerChecker(app)
  const checkAnswer = check
  return {
    ...{ app, parts, folder, lines },
    call: async (options) => {
      const response = await app.inject(options)
      checkAnswer(options, response)
      return response
    },
    config: (name) => ({
      name,
      source: { kind: 'directory', path: join(folder, 'source') },
      targets: [{ kind: 'directory', path: join(folder, name) }],
    }),
  }
}
