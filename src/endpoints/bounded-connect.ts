import { Agent, buildConnector } from 'undici'
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

/** Agents made by these options, one for each bounds, so that connections are shared by all who have the same. */
export function agentsWithin(options: Agent.Options, timeout: number): (hosts: HostBounds | undefined) => Agent {
  const agentFor = (hosts?: HostBounds): Agent => new Agent({ ...options, connect: connectWithin(hosts, { timeout }) })
  const unbound = agentFor()
  const bound = new WeakMap<HostBounds, Agent>()
  return (hosts) => {
    if (hosts === undefined) return unbound
    const made = bound.get(hosts) ?? agentFor(hosts)
    bound.set(hosts, made)
    return made
  }
}
