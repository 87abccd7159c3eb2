import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cancel, retry } from '../../../src/agents/commands/operate.ts'
import { entryKey, type HistoryEntry } from '../../../src/agents/commands/records.ts'
import { deletePackage, listPackages, packageOf } from '../../../src/agents/packages.ts'
import { tidy } from '../../../src/agents/retention/tidy.ts'
import { ReplicationError } from '../../../src/errors.ts'
import { assertConsistent } from './consistency.ts'
import { givenEngine, type Given } from '../given-engine.ts'
import { until } from '../until.ts'

const dayMs = 24 * 3_600_000
const never = new AbortController().signal
const agents = ['blocking', 'parking'] as const

const chosen = fc.constantFrom(['blocking'], ['parking'], ['blocking', 'parking'])
const which = fc.nat(20)
const deed = fc.oneof(
  fc.record({ do: fc.constant('replicate' as const), agents: chosen, text: fc.constantFrom('a', 'b', 'c') }),
  fc.record({ do: fc.constant('export' as const), agents: chosen, text: fc.constantFrom('a', 'b', 'd') }),
  fc.record({ do: fc.constant('import' as const), agents: chosen, which }),
  fc.record({ do: fc.constant('fail' as const), how: fc.constantFrom('corrupt', 'unavailable', undefined) }),
  fc.record({ do: fc.constantFrom('cancel' as const, 'retry' as const, 'delete' as const), which }),
  fc.record({ do: fc.constant('tidy' as const), days: fc.nat(20) }),
  fc.record({ do: fc.constant('drop' as const), agent: fc.constantFrom(...agents) }),
)
type Deed = typeof deed extends fc.Arbitrary<infer D> ? D : never

/** One installation that lives through the deeds; its clock only ever goes on. */
class Life {
  readonly #given: Given
  readonly #ids: string[] = []
  readonly #deleted = new Set<string>()
  #days = 0

  constructor(given: Given) {
    this.#given = given
  }

  async createAgents(): Promise<void> {
    const backoff = { initialMs: 100, maxMs: 200 }
    const history = { keepDays: 5, keepEntries: 3 }
    if ((await this.#given.parts.roster.find('blocking')) === undefined)
      await this.#given.agent('blocking', ['one', 'two'], { queue: { backoff }, history })
    if ((await this.#given.parts.roster.find('parking')) === undefined)
      await this.#given.agent('parking', ['three'], {
        ...{ history, queue: { onFailure: 'error-queue', attempts: 1, backoff } },
      })
  }

  async do(deed: Deed): Promise<void> {
    const { parts } = this.#given
    switch (deed.do) {
      case 'replicate':
      case 'export':
        this.#given.write('/content/page', deed.text)
        return this.#ask({ kind: deed.do, agents: [...deed.agents] })
      case 'import': {
        const { items } = await listPackages(parts, { limit: 100 })
        const pkg = items[deed.which % (items.length || 1)]
        return pkg && this.#ask({ kind: 'import', agents: [...deed.agents], package: await packageOf(parts, pkg.id) })
      }
      case 'fail':
        for (const target of ['one', 'three'])
          this.#given.gate(target, deed.how && (() => Promise.reject(new ReplicationError(deed.how ?? 'busy', 'no'))))
        return
      case 'cancel':
      case 'retry':
        return this.#on(deed.which, (id) => (deed.do === 'cancel' ? cancel : retry)(parts, id, 'test'))
      case 'delete': {
        const { items } = await listPackages(parts, { limit: 100 })
        const pkg = items[deed.which % (items.length || 1)]
        if (pkg === undefined) return
        await deletePackage(parts, pkg.id).then(() => this.#deleted.add(pkg.id), refused)
        return
      }
      case 'tidy':
        this.#days += deed.days
        // What is just being made has its bytes from now: for a clock that is days ahead they would have lain about for days.
        await until(async () => ((await this.#isMaking()) ? undefined : true))
        while (await tidy(parts, Date.now() + this.#days * dayMs, never));
        return
      case 'drop':
        await this.#given.configs.delete(deed.agent, { actor: 'test', force: true }).catch(refused)
        return this.createAgents()
    }
  }

  async #isMaking(): Promise<boolean> {
    const keys = this.#ids.flatMap((id) => agents.map((agent) => entryKey(id, agent)))
    const entries = await this.#given.parts.store.getAll<HistoryEntry>(keys)
    return entries.some((entry) => entry?.value.stage === 'preparing')
  }

  /** Waits until whatever can end has ended: in the other queues everything waits for its next try. */
  async settle(): Promise<void> {
    for (const target of ['one', 'three']) this.#given.gate(target, undefined)
    for (const id of this.#ids) {
      const command = await this.#given.parts.store.get(`command/${id}`)
      if (command !== undefined) await this.#given.finished({ id })
    }
  }

  async check(): Promise<void> {
    // Deliveries go on meanwhile: what is looked at must be one moment's.
    await until(async () => {
      const before = await this.#given.parts.store.last('events')
      const failure = await assertConsistent(this.#given.parts, this.#deleted).then(
        () => undefined,
        (error: unknown) => error,
      )
      if (failure === undefined) return true
      await new Promise((resolve) => setTimeout(resolve, 5))
      if ((await this.#given.parts.store.last('events')) === before) throw failure
      return undefined
    })
  }

  async #ask(request: Parameters<Given['ask']>[0]): Promise<void> {
    await this.#given.ask(request).then(({ id }) => this.#ids.push(id), refused)
  }

  async #on(which: number, act: (id: string) => Promise<unknown>): Promise<void> {
    const id = this.#ids[which % (this.#ids.length || 1)]
    if (id !== undefined) await act(id).catch(refused)
  }
}

/** Whatever a caller may be told is fine; anything else is not. */
function refused(error: unknown): void {
  if (!(error instanceof ReplicationError)) throw error
}

test('whatever is replicated, cancelled, retried, deleted and tidied up: what is listed can be read, and nothing refers to what is gone', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(deed, { minLength: 5, maxLength: 40 }), async (deeds) => {
      const given = await givenEngine(t)
      const life = new Life(given)
      await life.createAgents()
      for (const one of deeds) await life.do(one)
      await life.check()
      await life.settle()
      await life.check()
      await life.do({ do: 'tidy', days: 100 })
      await life.do({ do: 'tidy', days: 2 })
      await life.check()
      const left = await given.parts.store.range({ from: 'done/', to: 'done0', limit: 1 })
      assert.deepEqual(left, [])
    }),
    { numRuns: Number(process.env['RUNS'] ?? 12) },
  )
})
