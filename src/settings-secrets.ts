import type { Settings } from './settings.ts'

/** Of an address that is a secret in itself, what is long enough to be one. */
const longSegment = 16

/** What no line may say: passwords, keys, and addresses that are secrets in themselves. */
export function secretsIn(settings: Settings): string[] {
  const { redisPassword, redisSentinelPassword, redisUrl, notifySecret, notifyUrl, heartbeatUrl } = settings
  const { adminToken, tlsKey, signingKey } = settings
  const addresses = [notifyUrl, heartbeatUrl].flatMap((url) => {
    if (url === undefined) return []
    const { pathname, search } = new URL(url)
    return [url, ...`${pathname}${search}`.split(/[/?&=]/).filter(({ length }) => length >= longSegment)]
  })
  // Between the user's colon and the last @, as it is written.
  const password = redisUrl === undefined ? undefined : /^[^:]+:\/\/[^:/]*:(.*)@/.exec(redisUrl)?.[1]
  const keys = settings.secretsKey?.split(/[\s,]+/) ?? []
  const plain = [redisPassword, redisSentinelPassword, notifySecret, tlsKey, password, adminToken]
  // As it is, and line by line, as it would stand in a message.
  const signing = signingKey === undefined ? [] : [signingKey, ...signingKey.split(/\s+/)]
  const long = signing.filter((line) => line.length > longSegment && !line.startsWith('-'))
  return [...plain, ...keys, ...addresses, ...long].filter((text) => text !== undefined)
}
