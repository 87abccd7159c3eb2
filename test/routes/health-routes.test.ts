import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReplicationError } from '../../src/errors.ts'
import { givenApp } from './given-app.ts'

test('a server that answers is live', async (t) => {
  const { call } = await givenApp(t)
  assert.deepEqual((await call('/health/live')).json(), { status: 'live' })
})

test('a server that can work is ready, with its warnings', async (t) => {
  const { call } = await givenApp(t, { ready: async () => ({ warnings: ['redis keeps nothing'] }) })
  const response = await call('/health/ready')
  assert.deepEqual(
    [response.statusCode, response.json()],
    [200, { status: 'ready', warnings: ['redis keeps nothing'] }],
  )
})

test('a server that cannot work is 503, and says why', async (t) => {
  const { call } = await givenApp(t, {
    ready: async () => {
      throw new ReplicationError('unavailable', 'the disk is full')
    },
  })
  const response = await call('/health/ready')
  assert.equal(response.statusCode, 503)
  assert.equal(response.json().detail, 'the disk is full')
})

test('metrics are those of the registry, as Prometheus reads them', async (t) => {
  const { call, parts, config } = await givenApp(t)
  await call({ method: 'POST', url: '/replication/config', payload: config('a') })
  parts.metrics.tried({ agent: 'a', queue: 'default' }, [], { entries: 1, bytes: 1 })
  const response = await call('/metrics')
  assert.equal(response.headers['content-type'], parts.registry.contentType)
  assert.match(response.body, /^trebuchet_deliveries_total\{agent="a",target="default",result="delivered"\} 1$/m)
  assert.match(response.body, /^trebuchet_queue_size\{agent="a",target="default"\} 0$/m)
})
