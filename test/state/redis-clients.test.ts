import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import type { RedisAddress } from '../../src/state/redis/address.ts'
import { RedisClients } from '../../src/state/redis/clients.ts'
import { openShared } from '../../src/state/redis/store.ts'
import { certificates } from '../certificates.ts'
import { freePort, type RedisServer } from '../redis.ts'
import { ownClients, ownRedis, protectedRedis, persistently, silent, unavailable, withRedis } from './given-redis.ts'

/** Writes, reads, and hears of news, on all connections. */
async function works(t: TestContext, address: Partial<RedisAddress> & { readonly url: string }): Promise<void> {
  const clients = ownClients(t, address)
  const store = openShared(clients)
  const following = store.follow('log', 0, new AbortController().signal)[Symbol.asyncIterator]()
  const next = following.next()
  assert.ok((await store.commit({ writes: [{ append: 'log', value: 'here' }] })).ok)
  assert.equal((await next).value?.value, 'here')
  assert.equal(await clients.workers.ping(), 'PONG')
  await store.close()
}

/** What every call is told, and what the log is. */
async function refused(t: TestContext, address: RedisAddress): Promise<string> {
  const told: string[] = []
  const clients = new RedisClients(address, {
    info: () => assert.fail('it is back'),
    warn: ({ err }) => void told.push((err as Error).message),
  })
  t.after(() => clients.close())
  await unavailable(openShared(clients).commit({ writes: [{ put: 'a', value: 1 }] }))
  assert.equal(new Set(told).size, 1)
  assert.equal(told.length, 3, 'each connection tells once')
  return told[0] ?? ''
}

const user = { username: 'trebuchet', password: 'p/a%ss:w@rd' }

async function withUser(t: TestContext): Promise<RedisServer> {
  const server = await ownRedis(t)
  await server.command('ACL', 'SETUSER', user.username, 'on', `>${user.password}`, '~{test}:*', '&*', '+@all')
  return server
}

suite('connections', withRedis, () => {
  test('are made with an ACL user, whose password is beside the address or in it', async (t) => {
    const server = await withUser(t)
    await works(t, { url: server.url, ...user })
    const inUrl = server.url.replace('//', `//${user.username}:${encodeURIComponent(user.password)}@`)
    await server.command('FLUSHALL')
    await works(t, { url: inUrl })
  })

  test('are made with a password alone', async (t) => {
    const server = await protectedRedis(t, 'secret')
    await works(t, { url: `redis://:secret@127.0.0.1:${server.port}` })
  })

  test('with a wrong password, with none, or to a database that is not there tell what Redis says', async (t) => {
    const server = await protectedRedis(t, 'secret')
    const url = `redis://127.0.0.1:${server.port}`
    const said = await Promise.all([
      refused(t, { url, password: 'wrong', prefix: 'test' }),
      refused(t, { url, prefix: 'test' }),
      refused(t, { url: `${url}/99`, password: 'secret', prefix: 'test' }),
    ])
    assert.deepEqual(
      said.map((words) => /^(WRONGPASS|NOAUTH|ERR DB index)/.exec(words)?.[0]),
      ['WRONGPASS', 'NOAUTH', 'ERR DB index'],
    )
    assert.deepEqual(await server.command('KEYS', '*'), [])
  })

  test('are made over a unix socket, to the database that it names', async (t) => {
    const server = await ownRedis(t, '--unixsocket', './redis.sock')
    await works(t, { url: `unix://${server.folder}/redis.sock?db=3` })
    assert.match(String(await server.command('INFO', 'keyspace')), /^db3:keys=3,/m)
    assert.doesNotMatch(String(await server.command('INFO', 'keyspace')), /^db0:/m)
  })

  test('are made over TLS, only to whom the authority vouches for', async (t) => {
    const { ca, cert, key, otherCa } = await certificates(t)
    const port = await freePort()
    const files = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', ca, '--tls-auth-clients', 'no']
    const server = await ownRedis(t, '--tls-port', String(port), ...files)
    const url = `rediss://127.0.0.1:${port}`
    await works(t, { url, tlsCaFile: ca })
    const others = await Promise.all([
      refused(t, { url, prefix: 'test', tlsCaFile: otherCa }),
      refused(t, { url, prefix: 'test' }),
      // What it has is for 127.0.0.1.
      refused(t, { url: `rediss://localhost:${port}`, prefix: 'test', tlsCaFile: ca }),
    ])
    assert.match(others[0], /self-signed certificate in certificate chain/)
    assert.match(others[1], /self-signed certificate in certificate chain/)
    assert.match(others[2], /does not match certificate's altnames/)
    assert.equal(await server.command('HGET', '{test}:store:values', '~sequence/log'), '1')
  })

  test('have keys below their prefix only, so that two installations do not meet', async (t) => {
    const server = await ownRedis(t)
    await works(t, { url: server.url, prefix: 'one' })
    await works(t, { url: server.url, prefix: 'two' })
    const keys = (await server.command('KEYS', '*')) as string[]
    assert.deepEqual(
      keys.toSorted(),
      ['one', 'two'].flatMap((prefix) => ['feed', 'keys', 'values'].map((name) => `{${prefix}}:store:${name}`)),
    )
  })

  test('tell once that Redis is away, once that it is back, and who listens only of a return', async (t) => {
    const server = await ownRedis(t)
    const told: string[] = []
    const tell = ({ connection }: Readonly<Record<string, unknown>>, words: string): void => {
      told.push(`${String(connection)}: ${words}`)
    }
    const clients = new RedisClients({ url: server.url, prefix: 'test' }, { info: tell, warn: tell })
    t.after(() => clients.close())
    let returns = 0
    const stop = clients.onReturn(() => returns++)
    await persistently(() => clients.callers.ping())
    for (let breaks = 1; breaks <= 2; breaks++) {
      await server.stop()
      await new Promise((resolve) => setTimeout(resolve, 400))
      await server.launch()
      for (const client of [clients.callers, clients.feed, clients.workers]) await persistently(() => client.ping())
      const all = ['callers', 'feed', 'workers'].flatMap((name) =>
        Array.from({ length: breaks }, () => [
          `trebuchet-${name}: redis is away`,
          `trebuchet-${name}: redis is back`,
        ]).flat(),
      )
      assert.deepEqual(told.toSorted(), all.toSorted())
      // The first connection is a return, too, for whoever began without one.
      assert.equal(returns, breaks + 1)
    }
    stop()
  })

  test('that are closed say nothing more, and refuse what is asked', async (t) => {
    const server = await ownRedis(t)
    const clients = new RedisClients({ url: server.url, prefix: 'test' }, silent)
    await persistently(() => clients.callers.ping())
    clients.close()
    clients.close()
    for (const client of [clients.callers, clients.feed, clients.workers]) await assert.rejects(client.ping())
    await server.stop()
  })
})
