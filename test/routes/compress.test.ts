/** What is sent compressed, and what is not. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { givenApp } from './given-app.ts'

const { app, call, config } = await givenApp({ after })
const accepting = { 'accept-encoding': 'gzip, deflate, br' }
for (let i = 0; i < 20; i++)
  await call({
    method: 'POST',
    url: '/replication/config',
    payload: { ...config(`a${i}`), description: 'x'.repeat(500) },
  })

test('a long listing is sent compressed to whoever accepts that, and is the same', async () => {
  const plain = await call('/replication/config')
  assert.equal(plain.headers['content-encoding'], undefined)
  assert.ok(plain.rawPayload.length > 8 * 1024)
  const zipped = await app.inject({ url: '/replication/config', headers: accepting })
  assert.equal(zipped.headers['content-encoding'], 'gzip')
  assert.equal(zipped.headers.vary, 'accept-encoding')
  assert.equal(Number(zipped.headers['content-length']), zipped.rawPayload.length)
  assert.ok(zipped.rawPayload.length < plain.rawPayload.length / 4)
  assert.deepEqual(gunzipSync(zipped.rawPayload), plain.rawPayload)
  const head = await app.inject({ method: 'HEAD', url: '/replication/config', headers: accepting })
  assert.equal(head.headers['content-encoding'], 'gzip')
  assert.equal(head.rawPayload.length, 0)
  const refused = await call({ url: '/replication/config', headers: { 'accept-encoding': 'gzip;q=0' } })
  assert.equal(refused.headers['content-encoding'], undefined)
})

test('what is short, or has a tag, is sent as it is', async () => {
  await call({
    method: 'POST',
    url: '/replication/config',
    payload: {
      ...config('long'),
      filters: Array.from({ length: 500 }, (_, i) => ({ exclude: `/content/page${i}/**` })),
    },
  })
  const long = await call({ url: '/replication/config/long', headers: accepting })
  assert.ok(long.headers.etag !== undefined && long.rawPayload.length > 8 * 1024)
  assert.equal(long.headers['content-encoding'], undefined)
  for (const url of ['/replication/config?limit=1', '/replication/nothing'])
    assert.equal((await call({ url, headers: accepting })).headers['content-encoding'], undefined, url)
})
