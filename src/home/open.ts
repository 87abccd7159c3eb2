import type { Logger } from 'pino'
import type { Settings } from '../settings.ts'
import type { QueueTelemetry } from '../tracing/queues.ts'
import type { Home } from './home.ts'
import { openMachine } from './machine.ts'

/** Opens the one or the other: see `redisUrl`. Throws what makes a start impossible. */
export async function openHome(settings: Settings, log: Logger, telemetry?: QueueTelemetry): Promise<Home> {
  if (settings.redisUrl === undefined) return openMachine(settings, log)
  // Redis and BullMQ take as long to load as half of all else, and only servers that share their state need them.
  const { openRedis } = await import('./redis.ts')
  return openRedis(settings, settings.redisUrl, log, telemetry)
}
