/** Priority while many commands come at the same time, and in deep queues. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { accept } from '../../../src/agents/commands/accept.ts'
import { clearLane } from '../../../src/agents/queues/item-verbs.ts'
import { globOf } from '../../../src/resources/glob.ts'
import { isWithin, parsePath } from '../../../src/resources/path.ts'
import type { Batch, Store } from '../../../src/state/store.ts'
import { givenEngine, type Given } from '../given-engine.ts'
import { idsIn } from '../queues/queues.ts'

const priority = [
  { name: 'alert', paths: ['/alert/**'] },
  { name: 'news', paths: ['/news/**'] },
]

interface Asked {
  readonly id: string
  readonly paths: readonly string[]
  /** All of a wave are asked for at the same time, and each wave when all of the one before are accepted. */
  readonly wave: number
}

const path = fc.constantFrom('/news/a', '/news/a/b', '/news', '/news/c', '/alert/a', '/alert', '/content/a', '/content')
const wave = fc.record({
  asked: fc.array(fc.uniqueArray(path, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 12 }),
  /** How many go to the second target afterwards, so that its queue is another one. */
  delivered: fc.nat(3),
})

const parsed = (paths: readonly string[]) => paths.map(parsePath)

function share({ paths: some }: Asked, { paths: others }: Asked): boolean {
  return parsed(some).some((one) => parsed(others).some((other) => isWithin(one, other) || isWithin(other, one)))
}

function classOf({ paths }: Asked): number {
  const found = priority.findIndex(({ paths: globs }) =>
    parsed(paths).every((one) => globs.some((glob) => globOf(glob)(one))),
  )
  return found === -1 ? priority.length : found
}

/** `ids`: the queue; `all`: what was ever in it, of which it no longer has `gone`. */
function assertRule(ids: readonly string[], all: readonly Asked[]): void {
  const here = all.filter(({ id }) => ids.includes(id))
  const place = (one: Asked): number => ids.indexOf(one.id)
  for (const b of here) {
    for (const a of here)
      if (a.wave < b.wave && share(a, b))
        assert.ok(place(a) < place(b), `${b.paths.join()} overtook ${a.paths.join()}, which was accepted before`)
    // What shares a path with nothing that was ever there is as urgent as its class.
    if (all.some((other) => other !== b && other.wave <= b.wave && share(other, b))) continue
    for (const a of here) {
      if (a.wave < b.wave && classOf(a) > classOf(b))
        assert.ok(place(b) < place(a), `${b.paths.join()} did not overtake ${a.paths.join()}`)
      if (a.wave > b.wave && classOf(a) >= classOf(b))
        assert.ok(place(b) < place(a), `${a.paths.join()} overtook ${b.paths.join()}, which is as urgent`)
    }
  }
}

async function agentWith(given: Given, agent: string, targets: string[]): Promise<void> {
  await given.agent(agent, targets, { queue: { priority, limit: 100_000 } })
}

test('however many come at once, the rule holds, and two that share a path go everywhere in the same order', async (t) => {
  const given = await givenEngine(t, { idle: true })
  for (const one of ['/news/a/b', '/news/c', '/alert/a', '/content/a']) given.write(one, 'x')
  let runs = 0
  const property = fc.asyncProperty(fc.array(wave, { minLength: 2, maxLength: 4 }), async (waves) => {
    const agent = `agent${++runs}`
    const [one, two] = [`${agent}-one`, `${agent}-two`]
    await agentWith(given, agent, [one, two])
    const all: Asked[] = []
    for (const [i, { asked, delivered }] of waves.entries()) {
      const commands = await Promise.all(asked.map((paths) => given.ask({ agents: [agent], at: paths })))
      all.push(...commands.map(({ id }, n) => ({ id, paths: asked[n] ?? [], wave: i })))
      const queues = await Promise.all([one, two].map((target) => idsIn(given, agent, given.name(target))))
      for (const ids of queues) assertRule(ids, all)
      const [first = [], second = []] = queues
      assert.equal(first.length, all.length)
      for (const a of all)
        for (const b of all)
          if (a !== b && second.includes(a.id) && second.includes(b.id) && share(a, b))
            assert.equal(first.indexOf(a.id) < first.indexOf(b.id), second.indexOf(a.id) < second.indexOf(b.id))
      for (const id of second.slice(0, delivered)) {
        await given.export({ id }, agent)
        await given.deliver(agent, two)
      }
    }
    for (const queue of [one, two]) await clearLane(given.parts, { agent, queue: given.name(queue) }, { actor: 'ann' })
  })
  await fc.assert(property, { numRuns: 8, endOnFailure: true })
})

/** Two targets, of which the second has had already what the first still has: a command that shares `/news/x` with it. */
async function givenUneven(given: Given): Promise<string> {
  await agentWith(given, 'author', ['one', 'two'])
  for (const one of ['/news/x', '/news/y', '/content/a']) given.write(one, 'x')
  const x = await given.ask({ agents: ['author'], at: ['/news/x', '/content/a'] })
  await given.export(x, 'author')
  await given.deliver('author', 'two')
  return x.id
}

/** Accepts what is urgent; each time when it is about to be written, as long as there is something left, another comes before. */
async function askAmid(given: Given, at: readonly string[], meanwhile: string[][]): Promise<string> {
  const { store, roster } = given.parts
  const request = { kind: 'replicate', action: 'add', deep: true, mode: 'update', actor: 'test' } as const
  const late = new Proxy(store, {
    get: (_, name: keyof Store) =>
      name === 'commit'
        ? async (batch: Batch) => {
            const next = meanwhile.shift()
            if (next !== undefined) await given.ask({ agents: ['author'], at: next })
            return store.commit(batch)
          }
        : store[name].bind(store),
  })
  const outcome = await accept(late, roster, { ...request, agents: ['author'], paths: parsed(at) })
  assert.ok(outcome.taken)
  return outcome.command.id
}

for (const { what, at, meanwhile } of [
  { what: 'a normal one, for an urgent one whose ranks differ', at: ['/news/x'], meanwhile: [['/news/x', '/content']] },
  { what: 'an urgent one whose ranks differ', at: ['/news/y'], meanwhile: [['/news/x', '/news/y']] },
  { what: 'ever more', at: ['/news/x'], meanwhile: Array.from({ length: 40 }, () => ['/news/x', '/content/b']) },
])
  test(`what shares a path and is accepted during the look goes everywhere in the same order: ${what}`, async (t) => {
    const given = await givenEngine(t, { idle: true })
    const x = await givenUneven(given)
    const id = await askAmid(given, at, meanwhile)
    const [one = [], two] = await Promise.all(['one', 'two'].map((name) => idsIn(given, 'author', given.name(name))))
    assert.equal(one[0], x)
    assert.deepEqual(one.slice(1), two)
    assert.ok(one.includes(id))
  })

test('while normal items keep coming, each urgent one still goes before all of them', async (t) => {
  const given = await givenEngine(t, { idle: true })
  await agentWith(given, 'author', ['one'])
  let over = false
  const normal = async (): Promise<number> => {
    let count = 0
    for (; !over; count++) await given.ask({ agents: ['author'], at: ['/content/a'] })
    return count
  }
  const crowd = Promise.all(Array.from({ length: 8 }, normal))
  const urgent: string[] = []
  for (let i = 0; i < 20; i++) urgent.push((await given.ask({ agents: ['author'], at: [`/news/${i}`] })).id)
  over = true
  const total = (await crowd).reduce((sum, count) => sum + count, 0)
  const ids = await idsIn(given, 'author', given.name('one'))
  assert.deepEqual(ids.slice(0, 20), urgent)
  assert.equal(ids.length, 20 + total)
})

test('in a queue of thousands an urgent item sees the one that shares its path, and only that holds it up', async (t) => {
  const given = await givenEngine(t, { idle: true })
  await agentWith(given, 'author', ['one'])
  const count = 2000
  const accepted: string[] = []
  const ask = async (at: string[]): Promise<void> =>
    void accepted.push((await given.ask({ agents: ['author'], at })).id)
  for (let i = 0; i < count; i += 50)
    await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        ask(i + n === count / 2 ? ['/news/deep/inside', '/content'] : [`/content/${i + n}`]),
      ),
    )
  const free = (await given.ask({ agents: ['author'], at: ['/news/other'] })).id
  const held = (await given.ask({ agents: ['author'], at: ['/news/deep'] })).id
  const after = (await given.ask({ agents: ['author'], at: ['/news/deep/inside/further'] })).id
  const ids = await idsIn(given, 'author', given.name('one'))
  assert.equal(ids.length, count + 3)
  assert.deepEqual([ids[0], ...ids.slice(-2)], [free, held, after])
  assert.deepEqual(ids.slice(1, -2), accepted.toSorted())
})
