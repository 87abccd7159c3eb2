/** A process that dies at any commit while parts are made and applied. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { viewCommand } from '../../../src/agents/commands/views.ts'
import type { Parts } from '../../../src/agents/parts.ts'
import { deliverHead } from '../../../src/agents/work/deliveries.ts'
import { exportEntry } from '../../../src/agents/work/exports.ts'
import { assertConsistent } from '../retention/consistency.ts'
import { dyingStore } from '../dying.ts'
import { givenParts, type GivenParts } from './given-parts.ts'

const never = new AbortController().signal

/** Makes the package, and has what is made applied in between, as far as it comes before commit number `at`. Answers whether it came to that. */
async function dieAt(given: GivenParts, command: string, at: number, side: 'before' | 'after'): Promise<boolean> {
  const { store, died, isDead } = dyingStore(given.parts.store, at, side)
  const lane = { agent: 'author', queue: given.name('one') }
  const parts: Parts = {
    ...given.parts,
    store,
    wakeLanes: async () => {
      await deliverHead(parts, lane, never)
    },
  }
  try {
    await exportEntry(parts, command, 'author', never)
  } catch (error) {
    assert.equal(error, died)
  }
  return isDead()
}

for (const side of ['before', 'after'] as const)
  test(`a process that dies ${side} any commit loses no part, and at most the one on its way comes again`, async (t) => {
    const given = await givenParts(t, ['one'], { queue: { attempts: 100 } }, { idle: true })
    const came = given.came.get('one') ?? []
    let rounds = 0
    for (let at = 0; ; at++) {
      came.splice(0)
      for (let i = 0; i < 7; i++) given.write(`/content/${i}`, `${at} ${i}`)
      const { id } = await given.ask({ agents: ['author'] })
      const died = await dieAt(given, id, at, side)
      const state = async (): Promise<string> => (await viewCommand(given.parts.store, id)).state
      // The next process.
      for (let tries = 0; tries < 10 && (await state()) !== 'succeeded'; tries++) {
        await given.export({ id }, 'author')
        await given.deliver('author', 'one')
      }
      assert.equal(await state(), 'succeeded', `died ${side} commit ${at}`)
      assert.deepEqual([...new Set(came)], ['1', '2', '3', '4'])
      assert.deepEqual(came, came.toSorted(), 'order was kept')
      assert.ok(came.length <= 5, `died ${side} commit ${at}: ${came.join(' ')}`)
      for (let i = 0; i < 7; i++) assert.equal(given.read('one', `/content/${i}`), `${at} ${i}`)
      rounds++
      if (!died) break
    }
    t.diagnostic(`${rounds} rounds`)
    assert.ok(rounds > 10)
    await assertConsistent(given.parts)
  })
