import type { Redis } from 'ioredis'
import { ReplicationError } from '../../errors.ts'
import { isEmpty } from '../archive.ts'
import { callMs } from '../patience.ts'
import type { Inlet, Outlet } from '../transfer.ts'
import { Asking } from './asking.ts'
import type { RedisClients } from './clients.ts'
import { importingKey, serversKey, spaceOf, takeForImport } from './presence.ts'
import { keysOf, openShared } from './store.ts'

/**
 * Puts the keys and values beside in the place of those of the Store.
 *
 * KEYS: importing, servers, the Store's keys and values, those beside. ARGV: who imports, how many entries the Store may
 * have at most. Answers 1; or 0 where somebody else has begun to import, or to work.
 */
const takePlaceScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if redis.call('ZCARD', KEYS[3]) > tonumber(ARGV[2]) then return 0 end
redis.call('UNLINK', KEYS[3], KEYS[4])
for i = 5, 6 do
  if redis.call('EXISTS', KEYS[i]) == 1 then redis.call('RENAME', KEYS[i], KEYS[i - 2]) end
end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1`

/** Drops what is beside, and lets servers in unless another import has begun. KEYS: importing, beside... ARGV: who. */
const dropScript = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
redis.call('UNLINK', unpack(KEYS, 2))`

/**
 * Servers may be there, as long as they change nothing: Redis itself says whether anybody wrote while the state was read.
 * Throws what Redis does.
 */
export async function openRedisOutlet(clients: RedisClients): Promise<Outlet> {
  const store = openShared(clients)
  // What is watched is forgotten when the connection breaks, so it must not come back.
  const watching = clients.callers.duplicate({ retryStrategy: () => null, enableOfflineQueue: true })
  watching.on('error', () => undefined)
  const { keys, values } = keysOf(clients.prefix)
  try {
    await watching.watch(keys, values)
  } catch (error) {
    watching.disconnect()
    throw error
  }
  return {
    store,
    confirm: () => unchanged(watching),
    close: async () => {
      watching.disconnect()
      await store.close()
    },
  }
}

async function unchanged(watching: Redis): Promise<void> {
  let answers: unknown
  try {
    answers = await watching.multi().ping().exec()
  } catch (cause) {
    throw new ReplicationError(
      'unavailable',
      'the connection to Redis broke, and what was read may be of several moments',
      {
        cause,
      },
    )
  }
  if (answers === null)
    throw new ReplicationError(
      'conflict',
      'servers have changed the state while it was read: stop them, or try again when they have nothing to do',
    )
}

/** Throws `conflict` while servers are there, or when there is a state already that is not to be replaced. */
export async function openRedisInlet(
  clients: RedisClients,
  { replace, replicas }: { readonly replace: boolean; readonly replicas: number },
): Promise<Inlet> {
  const { callers, prefix } = clients
  const { presence, broken } = await takeForImport(clients)
  const present = openShared(clients)
  const asking = new Asking(callers)
  const here = keysOf(prefix)
  const beside = keysOf(prefix, spaceOf(presence.name))
  const drop = async (): Promise<void> => {
    try {
      await asking.ask(() =>
        callers.eval(dropScript, 3, importingKey(prefix), beside.keys, beside.values, presence.name),
      )
    } finally {
      await presence.leave()
    }
  }
  let most: number
  try {
    if (broken !== undefined) await asking.ask(() => callers.unlink(Object.values(keysOf(prefix, spaceOf(broken)))))
    if (!replace && !(await isEmpty(present)))
      throw new ReplicationError(
        'conflict',
        'this Redis holds a state already below REDIS_PREFIX; choose another prefix, or replace what is there with --replace',
      )
    most = await asking.ask(() => callers.zcard(here.keys))
  } catch (error) {
    await drop()
    throw error
  }
  const store = openShared(clients, { replicas, space: spaceOf(presence.name) })
  return {
    store,
    takePlace: async () => {
      const places = [importingKey(prefix), serversKey(prefix), here.keys, here.values, beside.keys, beside.values]
      const taken = callers.eval(takePlaceScript, places.length, ...places, presence.name, most)
      const [done, have] = await Promise.all([taken, replicas === 0 ? replicas : callers.wait(replicas, callMs)])
      if (done !== 1)
        throw new ReplicationError('conflict', 'another import or a server has taken this state meanwhile')
      if (have < replicas)
        throw new ReplicationError('unavailable', `the import is done, but only ${have} replicas have it so far`)
    },
    close: async () => {
      await store.close()
      await drop()
    },
  }
}

/** Goes back to the state before an import that was broken off. Answers whether there was one. Throws `conflict`. */
export async function abandonRedisImport(clients: RedisClients): Promise<boolean> {
  const found = (await clients.callers.exists(importingKey(clients.prefix))) === 1
  const inlet = await openRedisInlet(clients, { replace: true, replicas: 0 })
  await inlet.close()
  return found
}
