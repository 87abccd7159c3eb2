/**
 * What redis-closing.test.ts starts as a process of its own, with the port of a Redis and its trouble: it opens a store,
 * says so, closes it when its input ends, and should then end by itself, with nothing unhandled.
 */
import { RedisClients } from '../../src/state/redis/clients.ts'
import { openShared } from '../../src/state/redis/store.ts'

const [port = '', trouble] = process.argv.slice(2)
const silent = { info: (): void => undefined, warn: (): void => undefined }
const place = trouble === 'without Sentinel' ? { sentinels: [`127.0.0.1:${port}`] } : {}
const clients = new RedisClients({ url: `redis://127.0.0.1:${port}`, prefix: 'test', ...place }, silent)
const store = openShared(clients, { replicas: 1 })

const calls = [
  store.get('a'),
  store.commit({ writes: [{ put: 'a', value: 1 }] }),
  store.follow('log', 0, new AbortController().signal)[Symbol.asyncIterator]().next(),
  clients.workers.blpop('nothing', 0),
]
const ended = Promise.allSettled(calls)
await calls[0]?.catch(() => undefined)
process.stdout.write('open\n')
for await (const _ of process.stdin);
// Until the connections that hang were given up once, and hang again.
if (trouble === 'hung again') await new Promise((resolve) => setTimeout(resolve, 7000))
await store.close()
clients.close()
await ended
