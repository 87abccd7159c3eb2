import { after } from 'node:test'
import { BullMqWork } from '../../src/queues/bullmq.ts'
import { RedisClients } from '../../src/state/redis/clients.ts'
import { forgetPrefix, ownPrefix, RedisServer } from '../redis.ts'
import { workConformance } from './work-conformance.ts'
const server = await RedisServer.start()
const url = server.url
const quiet = { info: () => undefined, warn: () => undefined }
workConformance(
  'Work on BullMQ',
  async () => {
    const prefix = ownPrefix()
    const all: RedisClients[] = []
    return {
      open: async (log, backoff) => {
        const clients = new RedisClients({ url, prefix }, quiet)
        all.push(clients)
        return new BullMqWork(clients, log, { backoff, lockMs: 3_600_000 })
      },
      remove: async () => {
        for (const c of all) c.close()
        await forgetPrefix(url, prefix)
      },
    }
  },
  { isShared: true },
)
after(() => server.remove())
