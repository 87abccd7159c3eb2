import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setImmediate as breath } from 'node:timers/promises'
import fc from 'fast-check'
import { placeOf, tailEvents, type Tailed } from '../../../src/agents/events/tail.ts'
import { eventsLog } from '../../../src/agents/events/events.ts'
import { sequenceKey, type Store } from '../../../src/state/store.ts'
import { givenLog } from './given-log.ts'
import { until } from '../until.ts'

const log = await givenLog({ after })
const { store, events } = log

/** Reads until somebody stops it, and pauses after each page: for so many turns of the event loop, or until it may go on. */
class Reader {
  readonly start: number
  readonly read: Tailed[] = []
  readonly #stop = new AbortController()
  readonly #done: Promise<void>
  /** How many pages came from the Store. */
  fromStore = 0

  constructor(start: number, pauses: number | Promise<void>) {
    this.start = start
    this.#done = this.#run(pauses)
  }

  get position(): number {
    return this.read.at(-1)?.position ?? this.start
  }

  get numbers(): number[] {
    return this.read.flatMap((tailed) => (tailed.kind === 'events' ? tailed.events.map((one) => one.sequence) : []))
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#done
  }

  async #run(pauses: number | Promise<void>): Promise<void> {
    const place = await placeOf(log, this.start)
    const range: Store['range'] = (wanted) => {
      this.fromStore++
      return store.range(wanted)
    }
    const parts = { events, store: { range, last: (name: string) => store.last(name) } }
    for await (const tailed of tailEvents(parts, place, this.#stop.signal)) {
      this.read.push(tailed)
      if (typeof pauses === 'number') for (let turn = 0; turn < pauses; turn++) await breath()
      else await pauses
    }
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i)
}

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('append' as const), count: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('turns' as const), count: fc.integer({ min: 1, max: 20 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      /** From how far back; 0: from now on. */
      back: fc.integer({ min: 0, max: 400 }),
      pauses: fc.integer({ min: 0, max: 6 }),
    }),
  },
)
const removal = fc.record({ do: fc.constant('remove' as const), keep: fc.integer({ min: 0, max: 60 }) })

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never
type Removal = typeof removal extends fc.Arbitrary<infer S> ? S : never

/** Carries the steps out while the readers read, and hands those over once they have come to the end of the log. */
async function run(steps: readonly (Step | Removal)[], check: (reader: Reader, last: number) => void): Promise<void> {
  const readers: Reader[] = []
  const underWay: Promise<void>[] = []
  const first = await store.last(eventsLog)
  try {
    for (const one of steps)
      if (one.do === 'append') underWay.push(log.append(one.count))
      else if (one.do === 'turns') for (let turn = 0; turn < one.count; turn++) await breath()
      else if (one.do === 'remove') await log.remove((await store.last(eventsLog)) - one.keep)
      else readers.push(new Reader(Math.max(first, (await store.last(eventsLog)) - one.back), one.pauses))
    await Promise.all(underWay)
    await log.append(1)
    const last = await store.last(eventsLog)
    for (const reader of readers) {
      await until(async () => reader.position === last || undefined)
      check(reader, last)
    }
  } finally {
    for (const reader of readers) await reader.stop()
  }
}

test('whoever joins while events arrive reads each behind his place once, in order, however slowly he reads', async () => {
  let joined = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 30 }), (steps) =>
      run(steps, (reader, last) => {
        assert.deepEqual(reader.numbers, range(reader.start + 1, last))
        if (reader.fromStore > 0 && reader.read.length > reader.fromStore) joined++
      }),
    ),
    { numRuns: 60, endOnFailure: true },
  )
  assert.ok(joined > 10, `only ${joined} readers went from the Store to memory`)
})

test('whoever meets events that were removed hears it, and misses none of the others', async () => {
  const steps = fc.array(fc.oneof({ weight: 4, arbitrary: step }, { weight: 1, arbitrary: removal }), { maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(steps, (all) =>
      run(all, (reader, last) => {
        let position = reader.start
        for (const tailed of reader.read) {
          if (tailed.kind === 'events')
            assert.deepEqual(
              tailed.events.map((one) => one.sequence),
              range(position + 1, tailed.position),
            )
          assert.ok(tailed.position >= position)
          position = tailed.position
        }
        assert.equal(position, last)
      }),
    ),
    { numRuns: 60, endOnFailure: true },
  )
})

test('whoever is in the middle of the past when it is removed is told so, once, and goes on from now', async () => {
  const start = await store.last(eventsLog)
  for (let n = 0; n < 5; n++) await log.append(200)
  let goOn = (): void => undefined
  const reader = new Reader(start, new Promise<void>((resolve) => (goOn = resolve)))
  await until(async () => reader.read.length > 0 || undefined)
  const read = reader.position
  assert.ok(read < start + 1000)
  await log.remove(start + 1000)
  goOn()
  await until(async () => reader.position === start + 1000 || undefined)
  await log.append(3)
  await until(async () => reader.position === start + 1003 || undefined)
  await reader.stop()
  assert.deepEqual(reader.numbers, [...range(start + 1, read), ...range(start + 1001, start + 1003)])
  assert.deepEqual(
    reader.read.filter(({ kind }) => kind === 'lost'),
    [{ kind: 'lost', reason: 'forgotten', position: start + 1000 }],
  )
})

test('many who come back to the same place cost one reading of what is behind it', async () => {
  const start = await store.last(eventsLog)
  for (let n = 0; n < 5; n++) await log.append(200)
  const readers = Array.from({ length: 50 }, (_, i) => new Reader(start + (i % 3), i % 4))
  for (const reader of readers) await until(async () => reader.position === start + 1000 || undefined)
  for (const reader of readers) assert.deepEqual(reader.numbers, range(reader.start + 1, start + 1000))
  const pages = readers.reduce((sum, { fromStore }) => sum + fromStore, 0)
  assert.ok(pages < 100, `${pages} pages were read`)
  await Promise.all(readers.map((reader) => reader.stop()))
})

test('a place that is no longer kept, or never was, is said to be lost, and reading goes on from now', async () => {
  await log.append(10)
  const last = await store.last(eventsLog)
  await log.remove(last - 5)
  const { era } = events.recent
  assert.deepEqual(await placeOf(log), { position: last, era })
  assert.deepEqual(await placeOf(log, last), { position: last, era })
  assert.deepEqual(await placeOf(log, last - 5), { position: last - 5, era })
  assert.deepEqual(await placeOf(log, last - 6), { position: last, lost: 'forgotten', era })
  assert.deepEqual(await placeOf(log, last + 1), { position: last, lost: 'far', era })
  await log.remove(last)
  assert.deepEqual(await placeOf(log, last), { position: last, era })
  assert.deepEqual(await placeOf(log, last - 1), { position: last, lost: 'forgotten', era })
})

test('a log that comes back shorter than it was is noticed, by those who wait and by those who listen', async () => {
  await log.append(20)
  const last = await store.last(eventsLog)
  const reader = new Reader(last, 0)
  await until(async () => events.recent.newest === last || undefined)
  // As after a failover to a Redis that did not have the newest commits.
  await log.remove(last)
  await store.commit({ writes: [{ put: sequenceKey(eventsLog), value: last - 10 }] })
  let heard = 0
  const unlisten = events.listen(() => heard++)
  events.lookAgain()
  await until(async () => reader.read.length > 0 || undefined)
  assert.deepEqual(reader.read, [{ kind: 'lost', reason: 'far', position: last - 10 }])
  await log.append(3)
  await until(async () => reader.position === last - 7 || undefined)
  assert.deepEqual(reader.numbers, range(last - 9, last - 7))
  assert.equal(heard, 3)
  unlisten()
  await reader.stop()
})
