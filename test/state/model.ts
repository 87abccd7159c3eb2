import assert from 'node:assert/strict'
import fc from 'fast-check'
import { logKey, type Batch, type Check, type Committed, type Range, type Write } from '../../src/state/store.ts'
import type { Given } from './given.ts'

/** How a generated check is made from what is there: with its version, with one that it no longer has, with none, or by count. */
type CheckPlan =
  { readonly key: string; readonly as: 'now' | 'before' | 'none' } | { readonly key: string; readonly atMost: number }
type Step =
  | { readonly commit: { readonly checks: readonly CheckPlan[]; readonly writes: readonly Write[] } }
  | { readonly range: Range }

const keys = fc.constantFrom('a', 'a/', 'a/b', 'a0', 'b', 'b ', 'b\u007f', 'c/1', 'c/10', 'c/2')
const counters = fc.constantFrom('n/1', 'n/2')
const logs = fc.constantFrom('log', 'log2')
const values = fc.jsonValue()
const write: fc.Arbitrary<Write> = fc.oneof(
  fc.record({ put: keys, value: values }),
  fc.record({ delete: keys }),
  fc.record({ add: counters, amount: fc.integer({ min: -2, max: 2 }) }),
  fc.record({ append: logs, value: values }),
  fc.record({ append: logs, value: values, index: keys }),
)
const check: fc.Arbitrary<CheckPlan> = fc.oneof(
  fc.record({ key: keys, as: fc.constantFrom('now' as const, 'now' as const, 'before' as const, 'none' as const) }),
  fc.record({ key: counters, atMost: fc.integer({ min: -2, max: 3 }) }),
)
const bound = fc.oneof(keys, counters, fc.constantFrom('', 'log/', 'log/0', 'z'))
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    commit: fc.record({ checks: fc.array(check, { maxLength: 2 }), writes: fc.array(write, { maxLength: 6 }) }),
  }),
  fc.record({
    range: fc.record({ from: bound, to: bound, reverse: fc.boolean(), limit: fc.integer({ min: 0, max: 5 }) }),
  }),
)

/** Random batches and ranges, on the store and on a map: both answer the same, and have the same in the end. */
export async function behavesLikeTheModel(given: Given): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const run = new Run(given, given.prefix())
      for (const one of steps) await ('commit' in one ? run.commit(one.commit) : run.range(one.range))
      await run.range({ from: '', to: '\u007f\u007f', limit: 1000 })
    }),
    { numRuns: 150 },
  )
}

class Run {
  readonly #given: Given
  readonly #prefix: string
  readonly #entries = new Map<string, unknown>()
  readonly #sequences = new Map<string, number>()
  /** A version that the key once had, and has no more. */
  readonly #before = new Map<string, string>()

  constructor(given: Given, prefix: string) {
    this.#given = given
    this.#prefix = prefix
  }

  async commit(commit: { readonly checks: readonly CheckPlan[]; readonly writes: readonly Write[] }): Promise<void> {
    const checks: Check[] = []
    let failed: string | undefined
    for (const plan of commit.checks) {
      const key = this.#prefix + plan.key
      if ('atMost' in plan) {
        checks.push({ key, atMost: plan.atMost })
        if (Number(this.#entries.get(key) ?? 0) > plan.atMost) failed ??= key
        continue
      }
      const now = (await this.#given.store.get(key))?.version ?? null
      const version = plan.as === 'now' ? now : plan.as === 'none' ? null : (this.#before.get(key) ?? null)
      checks.push({ key, version })
      if (version !== now) failed ??= key
    }
    const writes = commit.writes.map((one) => this.#prefixed(one))
    const old = new Map<string, string | undefined>()
    for (const key of this.#entries.keys()) old.set(key, (await this.#given.store.get(key))?.version)
    const committed = await this.#given.store.commit({ checks, writes } satisfies Batch)
    assert.deepEqual(committed, failed === undefined ? this.#do(writes) : { ok: false, failed })
    for (const [key, version] of old) {
      const now = await this.#given.store.get(key)
      if (version !== undefined && now?.version !== version) this.#before.set(key, version)
    }
  }

  async range(range: Range): Promise<void> {
    const from = this.#prefix + range.from
    const to = this.#prefix + range.to
    const expected = [...this.#entries]
      .filter(([key]) => key >= from && key < to)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
    if (range.reverse === true) expected.reverse()
    const found = await this.#given.store.range({ ...range, from, to })
    assert.deepEqual(
      found.map((entry) => [entry.key, entry.value]),
      expected.slice(0, range.limit),
    )
    const again = await this.#given.store.getAll(found.map((entry) => entry.key))
    assert.deepEqual(again, found)
    for (const [log, last] of this.#sequences) assert.equal(await this.#given.store.last(log), last)
  }

  #do(writes: readonly Write[]): Committed {
    const appended: string[] = []
    for (const one of writes)
      if ('put' in one) this.#entries.set(one.put, json(one.value))
      else if ('delete' in one) this.#entries.delete(one.delete)
      else if ('add' in one) {
        const sum = Number(this.#entries.get(one.add) ?? 0) + one.amount
        if (sum === 0) this.#entries.delete(one.add)
        else this.#entries.set(one.add, sum)
      } else {
        const sequence = (this.#sequences.get(one.append) ?? 0) + 1
        this.#sequences.set(one.append, sequence)
        const key = logKey(one.append, sequence)
        this.#entries.set(key, json(one.value))
        if (one.index !== undefined) this.#entries.set(one.index, key)
        appended.push(key)
      }
    return { ok: true, appended }
  }

  #prefixed(one: Write): Write {
    if ('put' in one) return { ...one, put: this.#prefix + one.put }
    if ('delete' in one) return { delete: this.#prefix + one.delete }
    if ('add' in one) return { ...one, add: this.#prefix + one.add }
    const append = this.#prefix + one.append
    return one.index === undefined
      ? { append, value: one.value }
      : { append, value: one.value, index: this.#prefix + one.index }
  }
}

function json(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}
