import { basename } from 'node:path'
import type { Logger } from 'pino'
import type { Home } from '../src/home/home.ts'
import { openHome } from '../src/home/open.ts'
import { KeyRing, keysIn } from '../src/secrets/key-ring.ts'
import { loadSettings } from '../src/settings.ts'
import { sharedRedis } from './redis.ts'

/** The engine that this run of the tests is for: test/run.ts runs them once for each. */
export const onRedis = process.env['TEST_ENGINE'] === 'redis'

/** For tests of what only a server with a state of its own has. */
export const embeddedOnly = { skip: onRedis && 'the embedded engine’s own' }

/** Servers that share a Redis have the same. */
export const secretsKey = Buffer.alloc(32, 'a key for tests').toString('base64')
export const testKeys = new KeyRing(keysIn(secretsKey) ?? [])

/** What makes a server use that engine, with a state that belongs to the folder, by whose name it is known. */
export function engineSettings(folder: string): Record<string, string> {
  if (!onRedis) return {}
  if (sharedRedis === undefined) throw new Error('TEST_ENGINE=redis needs TEST_REDIS_URL')
  return { REDIS_URL: sharedRedis, REDIS_PREFIX: `test-${basename(folder)}`, SECRETS_KEY: secretsKey }
}

/** The same state each time for the same folder. */
export function openTestHome(folder: string, log: Logger): Promise<Home> {
  return openHome(loadSettings({ CONFIG_DIR: folder, DATA_DIR: folder, ...engineSettings(folder) }), log)
}
