import { realpathSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import type { Logger } from 'pino'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { ulid } from 'ulid'
import { Access } from './access/access.ts'
import { isLoopback } from './access/local.ts'
import { KeptSecrets } from './agents/config/kept-secrets.ts'
import { keepEncrypted } from './agents/config/rekey.ts'
import { ConfigStore } from './agents/config/store.ts'
import { Engine, lastSweep, sweepEveryMs } from './agents/engine.ts'
import { EventHub } from './agents/events/hub.ts'
import { Metrics } from './agents/metrics/metrics.ts'
import { RedisMetrics } from './agents/metrics/redis.ts'
import { Volume } from './agents/metrics/volumes.ts'
import { told } from './agents/events/told.ts'
import type { Parts } from './agents/parts.ts'
import { queueHooks } from './agents/queues/hooks.ts'
import { Roster } from './agents/roster.ts'
import { seedAgents } from './agents/config/seed.ts'
import { wakeLane, wakeLanes } from './agents/work/wake.ts'
import { serverHook } from './agents/webhooks/from-settings.ts'
import { startHeartbeat } from './agents/webhooks/heartbeat.ts'
import { audienceOf, setAudience } from './agents/webhooks/notices.ts'
import { buildApp, closeApp } from './app.ts'
import { boundsOf } from './bounds.ts'
import { RowFiles } from './compare/row-files.ts'
import { kinds } from './endpoints/kinds.ts'
import { ReplicationError } from './errors.ts'
import type { Home } from './home/home.ts'
import { openHome } from './home/open.ts'
import { defaultLimits } from './packages/limits.ts'
import { sealsFrom } from './packages/signatures.ts'
import { PackageStore } from './packages/store.ts'
import { EventStreams } from './routes/event-streams.ts'
import { softwareVersion } from './routes/software-version.ts'
import { Idempotency } from './routes/idempotency.ts'
import { keepSecret } from './known-secrets.ts'
import { openLog } from './log/open.ts'
import { scrub } from './log/scrub.ts'
import { openKeyRing } from './secrets/open.ts'
import { secretsIn } from './settings-secrets.ts'
import { loadSettings, type Settings } from './settings.ts'
import type { Store } from './state/store.ts'
import { Certificates } from './tls.ts'
import { openTracing } from './tracing/open.ts'

/**
 * V8 would let the heap of each thread become four times what is in use before it collects it: after a tree of 100,000 files that is twice the memory.
 * Set here rather than on the command line, where an unknown flag would keep a later Node.js from starting.
 */
setFlagsFromString('--heap-growing-percent=70')

/** No writing of a package pauses so long; in a folder that servers share, what is older was left by a dead one. */
const abandonedMs = 24 * 3_600_000
/** Under npm every signal that reaches both comes twice, for npm passes its own on; a person takes longer than that. */
const repeatedSignalMs = process.env['npm_lifecycle_event'] === undefined ? 0 : 1000

/** How often what is old is removed from the audit. */
const trimEveryMs = 3_600_000

/** How often it is looked whether there is another certificate. */
const certificatesEveryMs = 60_000

/** How often the delay of the event loop is measured, and so how short a one is seen. */
const loopDelayEveryMs = 50

export interface Server {
  /** Where it listens, as an origin. */
  readonly url: string
  /** Takes over certificates that have changed, where there are any; the log tells of those that cannot be used. */
  readonly readCertificates: (() => void) | undefined
  /** In order: no new calls, no new work, what is under way ends or is left for the next start, then the state. */
  close(): Promise<void>
}

/**
 * Makes all parts in the order in which they need each other, and listens. What was begun is undone when a part fails. `reread`
 * answers the settings as they are now.
 */
export async function startServer(
  settings: Settings,
  log: Logger,
  reread: () => Settings = () => settings,
): Promise<Server> {
  const closers: (() => Promise<void> | void)[] = []
  const close = async (): Promise<void> => {
    for (let closer = closers.pop(); closer !== undefined; closer = closers.pop())
      try {
        await closer()
      } catch (err) {
        log.error({ err }, 'a part did not close as it should')
      }
  }
  try {
    const notify = serverHook(settings)
    const certificates = Certificates.of(settings, reread)
    const tracing = await openTracing(process.env, log, softwareVersion())
    if (tracing !== undefined) closers.push(() => tracing.close())
    const home = await openHome(settings, log, tracing?.queues)
    const { work } = home
    const store = told(home.store, log)
    closers.push(() => home.leave())
    closers.push(() => store.close())
    const access = new Access(store, settings)
    await demandProtection(settings, access)
    closers.push(keepTrimmed(access, log))
    const installation = await installationOf(store)
    const { maxPackageEntries: maxEntries, maxUploadBytes: maxZipBytes } = settings
    const { maxPackageBytes: maxBytes, maxPackageRatio: maxRatio, signingKey, trustedKeys } = settings
    const packages = await PackageStore.open(settings.packagesDir, {
      limits: { ...defaultLimits, maxEntries, maxZipBytes, maxBytes, maxRatio },
      seals: sealsFrom(signingKey, trustedKeys),
      unfinishedBytes: settings.maxUnfinishedBytes,
      // Others may be writing there right now.
      abandonedMs: settings.redisUrl === undefined ? 0 : abandonedMs,
    })
    const rowFiles = await RowFiles.open(join(settings.packagesDir, 'comparisons'), {
      abandonedMs: settings.redisUrl === undefined ? 0 : abandonedMs,
    })
    const cacheFolder = join(settings.dataDir, 'cache')
    const bounds = boundsOf(settings, process.env, () => access.hasCredentials())
    const secrets = new KeptSecrets(kinds, await openKeyRing(settings, store))
    const configs = new ConfigStore(store, secrets, queueHooks(store), bounds)
    if (settings.roles.has('worker')) closers.push(keepEncrypted(store, secrets, log))
    await seedAgents(configs, join(settings.configDir, 'agents'))
    const roster = new Roster(configs, kinds, { installation, cacheFolder, bounds })
    closers.push(() => roster.close())
    const events = new EventHub()
    await events.open(store, (err) => log.error({ err }, 'events cannot be followed'))
    closers.push(() => events.close())
    home.onReturn(() => events.lookAgain())
    const registry = new Registry()
    // Each look at the clock wakes a server that rests.
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: loopDelayEveryMs })
    // Gauges that are named as counters are: the same by type has a name that is right.
    for (const what of ['handles', 'requests', 'resources']) registry.removeSingleMetric(`nodejs_active_${what}_total`)
    let stopped: Promise<void> | undefined
    const stopWork = (): Promise<void> => (stopped ??= work.close(settings.shutdownGraceMs))
    closers.push(stopWork)
    const parts: Parts = {
      ...{ store, work, packages, rowFiles, roster, events, log, installation, bounds },
      metrics: new Metrics(registry, store, [
        new Volume('packages', settings.packagesDir),
        new Volume('data', settings.dataDir),
        ...(home.redis === undefined ? [] : [new RedisMetrics(home.redis)]),
      ]),
      wakeLanes: (agent, command) => wakeLanes({ store, work }, agent, command),
      wakeLane: (lane) => wakeLane({ store, work }, lane),
      ...(notify && { notify }),
    }
    if (settings.roles.has('worker')) await setAudience(store, audienceOf(notify, settings.publicUrl))
    const engine = new Engine(parts)
    closers.push(() => engine.stop())
    const closing = new AbortController()
    const app = await buildApp({
      ...parts,
      ...{ access, configs, kinds, secrets, engine, registry, settings, tracing, certificates },
      closing: closing.signal,
      idempotency: new Idempotency(store),
      eventStreams: new EventStreams({ store, events, registry }, settings.maxEventStreams),
      ready: async () => ({ warnings: [...(await home.warnings()), ...(certificates?.warnings() ?? [])] }),
    })
    closers.push(async () => {
      closing.abort()
      // At once, and in one grace: nothing new begins while answers under way still end, and these need no work.
      await Promise.all([closeApp(app, settings.shutdownGraceMs), engine.stop(), stopWork()])
    })
    if (settings.roles.has('worker')) {
      await engine.start()
      home.onReturn(() => void engine.sweepNow())
    }
    const beganAt = Date.now()
    const listening = await app.listen({ host: settings.host, port: settings.port })
    const url = certificates === undefined ? listening : listening.replace(/^http:/, 'https:')
    const readCertificates = certificates && ((): void => readAgain(certificates, log))
    if (readCertificates !== undefined) closers.push(repeatEvery(certificatesEveryMs, readCertificates))
    const { heartbeatUrl, heartbeatIntervalMs: everyMs } = settings
    if (heartbeatUrl !== undefined)
      closers.push(startHeartbeat({ url: heartbeatUrl, everyMs, log, trouble: () => troubleOf(home, beganAt) }))
    return { url, readCertificates, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Forgets of the audit what is old enough, now and every hour. Answers how to stop. */
function keepTrimmed({ audit }: Access, log: Logger): () => void {
  const trim = (): void => {
    audit.trim().catch((err: unknown) => log.warn({ err }, 'the audit could not be trimmed'))
  }
  trim()
  return repeatEvery(trimEveryMs, trim)
}

function repeatEvery(ms: number, what: () => void): () => void {
  const timer = setInterval(what, ms)
  return () => clearInterval(timer)
}

/** What cannot be used is not: callers keep being answered with what was read before. */
function readAgain(certificates: Certificates, log: Logger): void {
  try {
    if (certificates.readAgain()) log.info('certificates read again')
  } catch (err) {
    log.error({ err }, 'the certificates have changed and cannot be used')
  }
}

/** Who can be reached by others asks them who they are. Throws `invalid`. */
async function demandProtection({ host }: Settings, access: Access): Promise<void> {
  if (isLoopback(host) || (await access.hasCredentials())) return
  const out = 'set ADMIN_TOKEN_FILE (or ADMIN_TOKEN), or leave HOST at 127.0.0.1 and make a token there first'
  throw new ReplicationError(
    'invalid',
    `HOST is ${host}, and without credentials everybody there could do everything; ${out}`,
  )
}

/** Why the server is not well. Throws where its state cannot be used. */
async function troubleOf({ store, warnings }: Home, beganAt: number): Promise<string | undefined> {
  await warnings()
  const seen = Math.max(beganAt, await lastSweep(store))
  const quietMs = Date.now() - seen
  return quietMs > 3 * sweepEveryMs ? `no sweep has ended for ${Math.round(quietMs / 1000)} s` : undefined
}

/** Named once, so that receipts and lanes of two installations never share a name. */
async function installationOf(store: Store): Promise<string> {
  const key = 'installation'
  for (;;) {
    const known = await store.get<string>(key)
    if (known !== undefined) return known.value
    // Of several servers that start at the same time one is faster.
    await store.commit({ checks: [{ key, version: null }], writes: [{ put: key, value: ulid() }] })
  }
}

/** The program: settings, server, signals. A start that fails says why in one line and exits with 1. */
export async function main(): Promise<void> {
  let server: Server
  let log: Logger
  try {
    const settings = loadSettings(process.env)
    for (const secret of secretsIn(settings)) keepSecret(secret)
    log = openLog(settings.logLevel)
    server = await startServer(settings, log, () => loadSettings(process.env))
  } catch (error) {
    process.stderr.write(`trebuchet: ${scrub(reasonOf(error))}\n`)
    process.exitCode = 1
    return
  }
  process.stderr.write(whatNext(server.url))
  let closingSince: number | undefined
  const onSignal = (signal: NodeJS.Signals): void => {
    if (closingSince !== undefined) {
      // What is durable is durable.
      if (performance.now() - closingSince >= repeatedSignalMs) process.exit(1)
      return
    }
    closingSince = performance.now()
    log.info({ signal }, 'closing')
    void server.close().then(() => {
      log.info('closed')
      process.exit(0)
    })
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, onSignal)
  if (server.readCertificates !== undefined) process.on('SIGHUP', server.readCertificates)
}

function reasonOf(error: unknown): string {
  if (error instanceof ReplicationError) return error.message.replaceAll(/\s+/g, ' ')
  const { code, message } = error as NodeJS.ErrnoException
  return code === 'EADDRINUSE' ? 'HOST and PORT name an address that is in use; choose another PORT' : message
}

function whatNext(url: string): string {
  return `
Trebuchet listens on ${url}. To sling the sample content to the sample agents, and wait until it is there:

  curl -s -X POST ${url}/replication/all/replicate -H 'Content-Type: application/json' -H 'Prefer: wait=10' -d '{"paths":["/content"]}'

To see the agents: curl -s ${url}/replication/agent    The whole API: ${url}/openapi.json

`
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === import.meta.filename) await main()
