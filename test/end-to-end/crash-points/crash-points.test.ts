/**
 * Servers that die at their durable steps. CRASH_POINTS=all takes every step, until a round goes through; a number so many,
 * others each time, one or two without it.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { pino } from 'pino'
import { openHome } from '../../../src/home/open.ts'
import { PackageStore } from '../../../src/packages/store.ts'
import { loadSettings } from '../../../src/settings.ts'
import { assertConsistent, packagesOnDisk } from '../../agents/retention/consistency.ts'
import { engineSettings, onRedis } from '../../home.ts'
import { program, scratch, Server } from '../server.ts'
import { Scenario } from './scenario.ts'

/** A server that dies at this step, or with -1 never. */
const trapped = (at: number): [string, ...string[]] => {
  const trap = new URL('./trap.js', import.meta.url).href
  return [process.execPath, '--import', `${trap}?at=${at}`, program]
}
const wanted = process.env['CRASH_POINTS'] ?? (onRedis ? '1' : '2')
const all = wanted === 'all'
const samples = Number(wanted)
/** A list of commands is looked at in one page. */
const maxRounds = 60

/** What must be among the steps, so that somebody dies before and after it. */
const nearSteps = [
  ...['commit of command.accepted', 'package renamed', 'commit of package.ready', 'job added (exports)'],
  ...['job added (deliveries)', 'commit of delivery.started', 'target applied', 'sync of receipt written'],
  ...['call of the other server (POST)', 'commit of delivery.delivered, command.finished', 'commit of delivery.failed'],
  ...['commit of delivery.moved', 'commit of delivery.skipped', ...(onRedis ? ['job completed'] : [])],
]
const farSteps = nearSteps.filter((step) => !/export|call|ready|failed|moved|skipped/.test(step))

for (const [victim, named] of [
  ['near', nearSteps],
  ['far', farSteps],
] as const)
  test(`killed at whatever step, the ${victim} server loses, repeats and tears nothing`, async (t) => {
    let pair = await Pair.start(victim)
    const { steps } = await pair.round(Infinity)
    for (const step of named)
      for (const side of ['before', 'after'])
        assert.ok(
          steps.some((one) => one.startsWith(`${side} ${step}`)),
          `no step is ${side} ${step}:\n${steps.join('\n')}`,
        )
    const total = steps.length
    const offset = Math.random()
    const points = all
      ? Array.from({ length: 10 * total }, (_, at) => at)
      : Array.from({ length: samples }, (_, i) => Math.floor(((i + offset) / samples) * total))
    t.diagnostic(`${total} steps without a death; ${all ? 'each is taken' : `from ${offset} of the first sample on`}`)
    const deaths: string[] = []
    for (const at of points) {
      if (pair.rounds === maxRounds) {
        await pair.end(t)
        pair = await Pair.start(victim)
      }
      const { died, steps } = await pair.round(at)
      if (!died) break
      deaths.push(`${at}: ${steps.at(-1)}`)
      if (all || samples > 10) process.stderr.write(`${deaths.at(-1)}\n`)
    }
    t.diagnostic(`${deaths.length} deaths, at ${deaths.join('; ')}`)
    assert.ok(deaths.length > 0)
    await pair.end(t)
  })

/** Two servers, of which one is to die. */
class Pair {
  readonly #victim: Server
  readonly #servers: readonly Server[]
  readonly #scenario: Scenario

  private constructor(victim: Server, servers: readonly Server[], scenario: Scenario) {
    this.#victim = victim
    this.#servers = servers
    this.#scenario = scenario
  }

  static async start(victim: 'near' | 'far'): Promise<Pair> {
    const [near, far] = [await Server.start(), await Server.start()]
    const scenario = new Scenario(near, far, scratch())
    await scenario.begin()
    return new Pair(victim === 'near' ? near : far, [near, far], scenario)
  }

  get rounds(): number {
    return this.#scenario.rounds
  }

  /** Answers the steps that the victim took, up to its death if it died. */
  async round(at: number): Promise<{ died: boolean; steps: string[] }> {
    const victim = this.#victim
    await victim.end()
    const from = victim.output.length
    victim.spawn(trapped(at))
    let died = false
    const end = victim.death().then(async ({ code, signal }) => {
      died = signal === 'SIGKILL'
      if (!died) return assert.equal(code, 0, victim.output.slice(from))
      this.#scenario.assertWhole()
      await victim.launch(trapped(-1))
    })
    await this.#scenario.round()
    await this.#scenario.assertDelivered()
    if (!died) await victim.ended('SIGTERM')
    await end
    const said = victim.output.slice(from).matchAll(/^step \d+: (.*)$/gm)
    return { died, steps: [...said].map(([, step]) => step ?? '') }
  }

  /** Ends both, and looks at what they keep. */
  async end(t: TestContext): Promise<void> {
    for (const server of this.#servers) {
      await server.end()
      const settings = { CONFIG_DIR: server.folder, DATA_DIR: server.dataDir, ...engineSettings(server.folder) }
      const home = await openHome(loadSettings(settings), pino({ level: 'silent' }))
      const packages = await PackageStore.open(join(server.dataDir, 'packages'))
      const parts = { store: home.store, packages }
      await assertConsistent(parts)
      const known = await home.store.range({ from: 'package/', to: 'package0', limit: 10_000 })
      const kept = await packagesOnDisk(parts)
      // One that was renamed and not made known is swept one day.
      t.diagnostic(`${known.length} packages are known, ${kept.length} are there`)
      await home.work.close(0)
      await home.store.close()
      await home.leave()
    }
  }
}
