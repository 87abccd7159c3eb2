import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { pino, type Logger } from 'pino'
import type { Home } from '../../src/home/home.ts'
import { openHome } from '../../src/home/open.ts'
import { loadSettings } from '../../src/settings.ts'
import { certificates } from '../certificates.ts'
import { freePort } from '../redis.ts'
import { ownRedis, protectedRedis, persistently, unavailable, withRedis } from './given-redis.ts'

/** What a server with these settings in its environment opens, and what it has logged. */
async function opening(
  t: TestContext,
  environment: Record<string, string>,
  folder?: string,
): Promise<{ home: Promise<Home>; lines: string[] }> {
  const data = folder ?? (await mkdtemp(join(tmpdir(), 'redis-start-')))
  if (folder === undefined) t.after(() => rm(data, { recursive: true }))
  const lines: string[] = []
  const log: Logger = pino({ level: 'info' }, { write: (line) => void lines.push(line) })
  const home = openHome(loadSettings({ CONFIG_DIR: data, DATA_DIR: data, ...environment }), log)
  t.after(async () => {
    const opened = await home.catch(() => undefined)
    await opened?.store.close()
    await opened?.leave()
  })
  return { home, lines }
}

/** That a start with this in its environment ends at once, for waiting does not help. */
async function refused(t: TestContext, environment: Record<string, string>, message: RegExp): Promise<void> {
  const { home } = await opening(t, environment)
  await assert.rejects(home, { name: 'ReplicationError', code: 'invalid', message })
}

async function until(lines: readonly string[], pattern: RegExp): Promise<void> {
  while (!lines.some((line) => pattern.test(line))) await new Promise((resolve) => setTimeout(resolve, 20))
}

suite('a server on Redis', withRedis, () => {
  test('waits for a Redis that starts after it', async (t) => {
    const server = await ownRedis(t)
    await server.stop()
    const { home, lines } = await opening(t, { REDIS_URL: server.url })
    await until(lines, /waiting for redis/)
    await server.launch()
    assert.deepEqual(await (await home).warnings(), [])
    assert.ok(lines.some((line) => line.includes('redis is back')))
  })

  test('waits for a Redis that hangs, and for one that takes nothing yet', async (t) => {
    const server = await ownRedis(t)
    server.pause()
    const hanging = await opening(t, { REDIS_URL: server.url })
    await until(hanging.lines, /waiting for redis/)
    server.resume()
    await server.command('CONFIG', 'SET', 'maxmemory', '1mb')
    const full = await opening(t, { REDIS_URL: server.url, REDIS_PREFIX: 'other' })
    await until(full.lines, /memory is full/)
    await server.command('CONFIG', 'SET', 'maxmemory', '0')
    await (await hanging.home).store.get('a')
    await (await full.home).store.get('a')
  })

  test('says at once what waiting does not mend, without its password', async (t) => {
    const server = await protectedRedis(t, 'secret')
    const REDIS_URL = `redis://127.0.0.1:${server.port}`
    await server.command('ACL', 'SETUSER', 'some', 'on', '>secret', '~{trebuchet}:*', '&*', '+@all', '-zadd')
    await server.command('ACL', 'SETUSER', 'none', 'on', '>secret', '~{other}:*', '&*', '+@all')
    const { ca, cert, key, otherCa } = await certificates(t)
    const port = String(await freePort())
    const files = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', ca, '--tls-auth-clients', 'no']
    await ownRedis(t, '--tls-port', port, ...files)
    const secure = `rediss://127.0.0.1:${port}`
    await Promise.all([
      refused(t, { REDIS_URL, REDIS_PASSWORD: 'wr0ng' }, /^Redis refuses this server: WRONGPASS (?!.*wr0ng)/),
      refused(t, { REDIS_URL }, /^Redis refuses this server: NOAUTH/),
      refused(
        t,
        { REDIS_URL: `redis://:secret@127.0.0.1:${server.port}/99` },
        /^Redis refuses this server: ERR DB index/,
      ),
      refused(t, { REDIS_URL, REDIS_USERNAME: 'some', REDIS_PASSWORD: 'secret' }, /user do ZADD: it needs \+@all/),
      refused(t, { REDIS_URL, REDIS_USERNAME: 'none', REDIS_PASSWORD: 'secret' }, /^Redis refuses this server: NOPERM/),
      refused(
        t,
        { REDIS_URL: secure, REDIS_TLS_CA_FILE: otherCa },
        /^this server does not trust the certificate of Redis/,
      ),
      refused(t, { REDIS_URL: secure.replace('127.0.0.1', 'localhost'), REDIS_TLS_CA_FILE: ca }, /does not match/),
      refused(t, { REDIS_URL: 'redis://h/x' }, /REDIS_URL must be a number/),
    ])
    await (
      await opening(t, { REDIS_URL: secure, REDIS_TLS_CA_FILE: ca })
    ).home
  })

  test('starts only with the folder that the others have', async (t) => {
    const { url } = await ownRedis(t)
    const folder = await mkdtemp(join(tmpdir(), 'redis-start-'))
    t.after(() => rm(folder, { recursive: true }))
    const same = await Promise.all([1, 2, 3].map(() => opening(t, { REDIS_URL: url }, folder)))
    await Promise.all(same.map(({ home }) => home))
    const other = await opening(t, { REDIS_URL: url })
    await assert.rejects(other.home, { code: 'conflict', message: /it has no folder-id; is it mounted\?/ })
    const installation = await opening(t, { REDIS_URL: url, REDIS_PREFIX: 'another' })
    await installation.home
  })

  test('is ready with warnings, unready while Redis hangs, and hears that it is back', async (t) => {
    const server = await ownRedis(t, '--appendfsync', 'everysec')
    const { home, lines } = await opening(t, { REDIS_URL: server.url })
    const { warnings, onReturn } = await home
    await until(lines, /redis promises less than it could/)
    assert.match((await warnings()).join(), /appendfsync everysec/)
    let returns = 0
    onReturn(() => returns++)
    server.pause()
    await unavailable(warnings())
    server.resume()
    await server.stop()
    await unavailable(warnings())
    await server.launch()
    await persistently(warnings)
    assert.equal(returns, 1)
  })
})
