import { readFileSync } from 'node:fs'
import type { RedisOptions } from 'ioredis'
import { ReplicationError } from '../../errors.ts'
import { callMs } from '../patience.ts'

/** Where Redis is, and how it is spoken to. */
export interface RedisAddress {
  /**
   * `redis://user:password@host:6379/0`, `rediss://…` for TLS, or `unix:///path/to.sock?db=0`. With `sentinels` its host
   * is not asked; its protocol, credentials and database count.
   */
  readonly url: string
  /** Instead of those in the URL. */
  readonly username?: string
  readonly password?: string
  /** Of every key and every queue: two installations on one Redis have two of them. */
  readonly prefix: string
  /** `host:port` of each Sentinel. */
  readonly sentinels?: readonly string[]
  /** What the Sentinels call the master. */
  readonly sentinelMaster?: string
  readonly sentinelPassword?: string
  /** PEM file of who vouches for the server's certificate; without it the system's. */
  readonly tlsCaFile?: string
}

/** Throws `invalid` for what is no address. */
export function optionsOf(address: RedisAddress): RedisOptions {
  const { sentinels, sentinelMaster, sentinelPassword, tlsCaFile } = address
  const url = parse(address.url)
  const secure = url.protocol === 'rediss:'
  const db = url.searchParams.get('db') ?? (url.protocol === 'unix:' ? '' : url.pathname.slice(1))
  if (!/^\d*$/.test(db)) throw invalid('the database in REDIS_URL must be a number')
  const tls = { ...(secure && tlsCaFile !== undefined && { ca: readAuthority(tlsCaFile) }) }
  return {
    username: address.username ?? decode(url.username),
    password: address.password ?? decode(url.password),
    ...(db !== '' && { db: Number(db) }),
    ...(secure && { tls }),
    ...(sentinels === undefined
      ? placeOf(url)
      : {
          sentinels: sentinels.map(sentinelAt),
          name: sentinelMaster ?? 'mymaster',
          ...(sentinelPassword !== undefined && { sentinelPassword }),
          ...(secure && { enableTLSForSentinelMode: true, sentinelTLS: tls }),
          // One that hangs is passed over, as one that is away.
          sentinelCommandTimeout: callMs / 2,
          sentinelRetryStrategy: (times: number) => Math.min(50 * times, 500),
        }),
  }
}

function parse(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['redis:', 'rediss:', 'unix:'].includes(url.protocol))
    throw invalid('REDIS_URL must begin with redis://, rediss:// or unix://')
  if (url.protocol === 'unix:' && (url.host !== '' || url.pathname.length < 2))
    throw invalid('REDIS_URL must name a socket by its whole path, with three slashes: unix:///path/to.sock')
  return url
}

function placeOf({ protocol, hostname, port, pathname }: URL): RedisOptions {
  if (protocol === 'unix:') return { path: decode(pathname) }
  return { host: unbracketed(hostname) || '127.0.0.1', port: Number(port || 6379) }
}

function sentinelAt(text: string): { host: string; port: number } {
  const url = URL.canParse(`redis://${text}`) ? new URL(`redis://${text}`) : undefined
  if (url === undefined || url.hostname === '') throw invalid(`REDIS_SENTINELS must be host:port each, not ${text}`)
  return { host: unbracketed(url.hostname), port: Number(url.port || 26_379) }
}

/** IPv6 addresses have brackets in URLs only. */
function unbracketed(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1')
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch (cause) {
    throw invalid('REDIS_URL must have % as %25; REDIS_PASSWORD takes a password as it is', cause)
  }
}

function readAuthority(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw invalid(`REDIS_TLS_CA_FILE cannot be read: ${(cause as Error).message}`, cause)
  }
}

function invalid(message: string, cause?: unknown): ReplicationError {
  return new ReplicationError('invalid', message, { cause })
}
