import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { optionsOf, type RedisAddress } from '../../src/state/redis/address.ts'

function of(url: string, more: Partial<RedisAddress> = {}): ReturnType<typeof optionsOf> {
  return optionsOf({ url, prefix: 'p', ...more })
}

test('an address names host, port and database, or leaves them out', () => {
  const anonymous = { username: '', password: '' }
  assert.deepEqual(of('redis://redis.example.com'), { ...anonymous, host: 'redis.example.com', port: 6379 })
  assert.deepEqual(of('redis://10.0.0.1:7000/3'), { ...anonymous, host: '10.0.0.1', port: 7000, db: 3 })
  assert.deepEqual(of('redis://h/?db=4'), { ...anonymous, host: 'h', port: 6379, db: 4 })
  assert.deepEqual(of('redis://[::1]:7000/0'), { ...anonymous, host: '::1', port: 7000, db: 0 })
  assert.deepEqual(of('redis://'), { ...anonymous, host: '127.0.0.1', port: 6379 })
})

test('a user and a password may be in the address, escaped, or beside it, as they are', () => {
  const inside = of('redis://us%40er:p%2Fa%25ss%3A@h')
  assert.deepEqual([inside.username, inside.password], ['us@er', 'p/a%ss:'])
  const beside = of('redis://a:b@h', { username: 'user', password: 'p/a%ss' })
  assert.deepEqual([beside.username, beside.password], ['user', 'p/a%ss'])
  const alone = of('redis://:secret@h')
  assert.deepEqual([alone.username, alone.password], ['', 'secret'])
})

test('a socket is named by its whole path', () => {
  const { path, db, host } = of('unix:///run/redis%20of%20us/redis.sock?db=2') as Record<string, unknown>
  assert.deepEqual([path, db, host], ['/run/redis of us/redis.sock', 2, undefined])
  for (const url of ['unix://', 'unix:///', 'unix://run/redis.sock', 'unix:'])
    assert.throws(() => of(url), { code: 'invalid', message: /unix:\/\/\/path\/to\.sock/ }, url)
})

test('only rediss:// is TLS, with who vouches for it where that is said', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'redis-address-'))
  t.after(() => rm(folder, { recursive: true }))
  const file = join(folder, 'ca.pem')
  writeFileSync(file, 'a certificate')
  assert.equal(of('redis://h').tls, undefined)
  assert.deepEqual(of('rediss://h').tls, {})
  assert.deepEqual(of('rediss://h', { tlsCaFile: file }).tls, { ca: Buffer.from('a certificate') })
  assert.throws(() => of('rediss://h', { tlsCaFile: join(folder, 'none') }), {
    code: 'invalid',
    message: /^REDIS_TLS_CA_FILE cannot be read: ENOENT/,
  })
})

test('Sentinels are asked instead of the host, with the protocol, user and database of the address', () => {
  const options = of('rediss://user:secret@ignored:1/5', {
    sentinels: ['s1:26379', '[::1]:1234', 's3'],
    sentinelMaster: 'publishing',
    sentinelPassword: 'hush',
  })
  assert.deepEqual(options.sentinels, [
    { host: 's1', port: 26_379 },
    { host: '::1', port: 1234 },
    { host: 's3', port: 26_379 },
  ])
  assert.deepEqual(
    [
      options.host,
      options.port,
      options.name,
      options.sentinelPassword,
      options.username,
      options.password,
      options.db,
    ],
    [undefined, undefined, 'publishing', 'hush', 'user', 'secret', 5],
  )
  assert.deepEqual([options.tls, options.sentinelTLS, options.enableTLSForSentinelMode], [{}, {}, true])
  assert.equal(of('redis://h', { sentinels: ['s1:1'] }).name, 'mymaster')
})

test('what is no address is refused, with what is wrong', () => {
  for (const [url, message] of [
    ['localhost:6379', /must begin with redis:\/\//],
    ['http://localhost', /must begin with redis:\/\//],
    ['redis://h:99999', /must begin with/],
    ['', /must begin with/],
    ['redis://h/x', /database in REDIS_URL must be a number/],
    ['redis://h/1/2', /must be a number/],
    ['redis://h/-1', /must be a number/],
    ['redis://:100%@h', /must have % as %25; REDIS_PASSWORD/],
    ['redis://u%ff:x@h', /must have % as %25/],
  ] as const)
    assert.throws(() => of(url), { name: 'ReplicationError', code: 'invalid', message }, url)
  for (const sentinel of ['s1:99999', 'a b:1', '', ':1'])
    assert.throws(() => of('redis://h', { sentinels: [sentinel] }), {
      code: 'invalid',
      message: `REDIS_SENTINELS must be host:port each, not ${sentinel}`,
    })
})

test('no password is in what is said of a wrong address', () => {
  for (const url of ['redis://:secret%@h', 'redis://:secret@h/x', 'http://:secret@h', 'unix://:secret@h/x'])
    assert.throws(
      () => of(url),
      (error: Error) => !error.message.includes('secret'),
    )
})
