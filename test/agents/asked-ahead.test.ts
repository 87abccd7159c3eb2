import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AskedAhead } from '../../src/agents/asked-ahead.ts'

test('an answer is for the delivery and the listing that it was asked for, and for one who comes', async () => {
  const asked = new AskedAhead()
  asked.ask('one', 'listing', () => Promise.resolve(true))
  asked.ask('two', 'listing', () => Promise.resolve(false))
  asked.ask('three', 'listing', () => Promise.resolve(true))
  assert.equal(await asked.answer('four', 'listing'), undefined)
  assert.equal(await asked.answer('two', 'listing'), false)
  assert.equal(await asked.answer('one', 'listing'), true)
  assert.equal(await asked.answer('one', 'listing'), undefined)
  assert.equal(await asked.answer('three', 'another listing'), undefined)
})

test('a question that fails has no answer', async () => {
  const asked = new AskedAhead()
  asked.ask('one', 'listing', () => Promise.reject(new Error('unreachable')))
  assert.equal(await asked.answer('one', 'listing'), undefined)
})

test('an answer is good for a while', async () => {
  const asked = new AskedAhead(-1)
  asked.ask('one', 'listing', () => Promise.resolve(true))
  assert.equal(await asked.answer('one', 'listing'), undefined)
})
