/** What was said to be held is not, and whoever could mend that dies, or has moved on. */
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { viewCommand } from '../../../src/agents/commands/views.ts'
import type { Parts } from '../../../src/agents/parts.ts'
import { deliverHead } from '../../../src/agents/work/deliveries.ts'
import { exportEntry } from '../../../src/agents/work/exports.ts'
import type { PackageId } from '../../../src/packages/manifest.ts'
import { assertConsistent } from '../retention/consistency.ts'
import { dyingStore } from '../dying.ts'
import { givenTrees, type GivenTrees } from './given-trees.ts'

const never = new AbortController().signal
const lane = { agent: 'site', queue: 'one' }

/** Asks and makes the package, which is not delivered. */
async function made({ given, ask }: GivenTrees): Promise<string> {
  const { id } = await ask()
  await given.export({ id }, 'site')
  return id
}

async function delivered(trees: GivenTrees): Promise<string> {
  const id = await made(trees)
  await trees.deliver('one')
  return id
}

async function deltaOf({ given }: GivenTrees, id: string): Promise<object | undefined> {
  return (await viewCommand(given.parts.store, id)).agents[0]?.delta
}

test('while something else is still to be delivered, nothing is known of what a target will hold', async (t) => {
  const trees = await givenTrees(t, { idle: true })
  await delivered(trees)
  trees.write('source', 'content/3/17.txt', 'changed')
  const waiting = await made(trees)
  assert.deepEqual(await deltaOf(trees, waiting), { files: 1, bytes: 7 })
  trees.write('source', 'content/3/17.txt', 'changed again')
  const behind = await made(trees)
  assert.equal(await deltaOf(trees, behind), undefined)
  for (let i = 0; i < 2; i++) await trees.deliver('one')
  trees.assertSame('one')
})

test('what was known goes with the package that it was known by', async (t) => {
  const trees = await givenTrees(t, { idle: true })
  await delivered(trees)
  const [first] = (await viewCommand(trees.given.parts.store, await delivered(trees))).agents
  assert.deepEqual(first?.delta, { files: 0, bytes: 0 })
  await trees.given.parts.packages.remove(first.package as PackageId)
  assert.equal(await deltaOf(trees, await delivered(trees)), undefined)
  trees.assertSame('one')
})

test('what the source has otherwise by now is taken from the package that brought it once', async (t) => {
  const trees = await givenTrees(t, { idle: true })
  await delivered(trees)
  trees.write('source', 'content/3/17.txt', 'changed')
  const id = await made(trees)
  writeFileSync(trees.at('one', 'content/4/18.txt'), 'spoiled')
  trees.write('source', 'content/4/18.txt', 'moved on')
  for (let i = 0; i < 2; i++) await trees.deliver('one')
  const { state, agents } = await viewCommand(trees.given.parts.store, id)
  assert.equal(state, 'succeeded', JSON.stringify(agents))
  assert.deepEqual(await deltaOf(trees, await delivered(trees)), { files: 1, bytes: 8 })
  trees.assertSame('one')
})

test('what nobody has any more ends its delivery, which says what to do, and holds up no other', async (t) => {
  const trees = await givenTrees(t, { idle: true })
  const first = await delivered(trees)
  const [whole] = (await viewCommand(trees.given.parts.store, first)).agents
  trees.write('source', 'content/3/17.txt', 'changed')
  const id = await made(trees)
  rmSync(trees.at('one', 'content/4/18.txt'))
  trees.write('source', 'content/4/18.txt', 'moved on')
  await trees.given.parts.packages.remove(whole?.package as PackageId)
  for (let i = 0; i < 2; i++) await trees.deliver('one')
  const [failed] = (await viewCommand(trees.given.parts.store, id)).agents
  assert.equal(failed?.targets[0]?.error?.code, 'conflict')
  assert.match(failed.targets[0].error.detail, /18\.txt.*the source has moved on.*"full": true/)
  assert.equal(await deltaOf(trees, await delivered(trees)), undefined, 'nothing is counted on any more')
  trees.assertSame('one')
})

/** Makes the package and delivers it, until commit number `at`. Answers whether it came to that. */
async function dieAt({ given }: GivenTrees, command: string, at: number, side: 'before' | 'after'): Promise<boolean> {
  const { store, died, isDead } = dyingStore(given.parts.store, at, side)
  const parts: Parts = { ...given.parts, store, wakeLanes: async () => undefined }
  try {
    await exportEntry(parts, command, 'site', never)
    for (let tries = 0; tries < 3; tries++) await deliverHead(parts, lane, never)
  } catch (error) {
    assert.equal(error, died)
  }
  return isDead()
}

for (const side of ['before', 'after'] as const)
  test(`a process that dies ${side} any commit, also while it mends, leaves nothing out`, async (t) => {
    const trees = await givenTrees(t, { files: 70, idle: true, more: { queue: { attempts: 100 } } })
    const { given, at: placeOf, write, ask } = trees
    await delivered(trees)
    let rounds = 0
    for (let at = 0; ; at++) {
      rmSync(placeOf('one', 'content/4'), { recursive: true })
      write('source', 'content/3/17.txt', `${at}`)
      const { id } = await ask()
      const died = await dieAt(trees, id, at, side)
      const state = async (): Promise<string> => (await viewCommand(given.parts.store, id)).state
      // The next process.
      for (let tries = 0; tries < 10 && (await state()) !== 'succeeded'; tries++) {
        await given.export({ id }, 'site')
        await trees.deliver('one')
      }
      assert.equal(await state(), 'succeeded', `died ${side} commit ${at}`)
      assert.ok((await deltaOf(trees, id)) !== undefined)
      trees.assertSame('one')
      rounds++
      if (!died) break
    }
    t.diagnostic(`${rounds} rounds`)
    assert.ok(rounds > 4)
    await assertConsistent(given.parts)
  })

test('all is read anew at a target when that is asked for', async (t) => {
  const { given } = await givenTrees(t)
  await given.agent('other', ['two'])
  given.write('/content/a', 'text')
  const seen: (boolean | undefined)[] = []
  given.gate('two', async ({ verify }) => void seen.push(verify))
  for (const verify of [true, undefined] as const)
    await given.finished(await given.ask({ agents: ['other'], ...(verify && { verify }) }))
  assert.deepEqual(seen, [true, undefined])
})
