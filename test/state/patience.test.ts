import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { countPatience, outsideCalls, patienceMs, waitingFor, withPatience } from '../../src/state/patience.ts'

const minute = 60_000
/** More than anybody has, so that it tells what is left: to a fresh call a minute, and what is always normal. */
const leftMs = (): number => patienceMs(10 * minute)
const fresh = minute + 100

/** Waits until so much is taken from the patience of the call, on account of waits that begin now. */
async function waitingUntil(leaves: number, waits = 1): Promise<void> {
  let answer: () => void = () => undefined
  const answered = new Promise<void>((resolve) => (answer = resolve))
  const all = Promise.all(Array.from({ length: waits }, () => waitingFor(answered)))
  while (leftMs() > leaves) await delay(10)
  answer()
  await all
}

test('before anything is asked that may be slow no call is followed, and each waits as long as usual', async () => {
  await withPatience(1, async () => {
    await waitingFor(delay(1))
    assert.equal(patienceMs(1234), 1234)
    assert.equal(
      outsideCalls(() => patienceMs(1234)),
      1234,
    )
  })
  countPatience()
})

test('outside of any call one waits as long as usual', async () => {
  assert.equal(patienceMs(1234), 1234)
  await waitingFor(delay(150))
  assert.equal(patienceMs(1234), 1234)
})

test('waits of one call come out of the same patience, and what they answer is answered', async () => {
  await withPatience(minute, async () => {
    assert.equal(leftMs(), fresh)
    assert.equal(patienceMs(1234), 1234)
    await waitingUntil(fresh - 100)
    await waitingUntil(fresh - 200)
    assert.equal(await waitingFor(delay(1, 'answer')), 'answer')
    const refused = delay(1).then(() => {
      throw new Error('no answer')
    })
    await assert.rejects(waitingFor(refused), { message: 'no answer' })
    const left = leftMs()
    await delay(200)
    assert.equal(leftMs(), left, 'it is taken from who does not wait, too')
  })
})

test('waits at the same time count once', async () => {
  await withPatience(minute, async () => {
    await waitingUntil(fresh - 20, 1000)
    // Each for itself they would take 20 seconds.
    assert.ok(leftMs() > fresh - 10_000)
  })
})

test('what takes no longer than normal costs no patience, however often', async () => {
  await withPatience(minute, async () => {
    for (let i = 0; i < 100; i++) await waitingFor(Promise.resolve(i))
    assert.equal(leftMs(), fresh)
  })
})

test('who has no patience left still waits for what is normal', async () => {
  await withPatience(10, async () => {
    await waitingUntil(100)
    assert.equal(patienceMs(minute), 100)
    assert.equal(patienceMs(20), 20)
  })
})

test('calls do not wait on account of each other, nor does what they leave behind', async () => {
  await withPatience(10, async () => {
    await waitingUntil(100)
    assert.equal(await withPatience(minute, async () => leftMs()), fresh)
    assert.equal(await outsideCalls(async () => waitingFor(delay(1, patienceMs(1234)))), 1234)
    assert.equal(patienceMs(minute), 100)
  })
})

test('a process that is held up itself takes that out of nobody’s patience', async () => {
  await withPatience(minute, async () => {
    const waiting = waitingUntil(fresh - 20)
    await delay(100)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2000)
    await waiting
    assert.ok(leftMs() > fresh - 1000)
  })
})
