import { buildConnector } from 'undici'
import type { HostBounds } from './bounds/hosts.ts'

/**
 * How an undici Agent connects, its option `connect`: within the bounds, where there are some. A connection that was made is used
 * again without being judged again: whoever sends a request demands its host before.
 */
export function connectWithin(
  hosts: HostBounds | undefined,
  options: buildConnector.BuildOptions,
): buildConnector.BuildOptions | buildConnector.connector {
  if (hosts === undefined) return options
  const connect = buildConnector({ ...options, lookup: hosts.lookup })
  return (to, done) => {
    // An address is not looked up, so it is judged here.
    hosts.demand(to.hostname).then(
      () => connect(to, done),
      (error: Error) => done(error, null),
    )
  }
}
