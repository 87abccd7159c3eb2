import type { FastifyRequest } from 'fastify'

/** The prefix that documentation uses, and those of the proposal that this API began with. */
export const prefixes = ['/replication', '/libs/sling/replication', '/system/replication'] as const

/** The address of something of ours, under the prefix by which the caller came. `path` begins with a slash. */
export function hrefOf(request: FastifyRequest, path: string): string {
  const prefix = prefixes.find((candidate) => request.url.startsWith(`${candidate}/`)) ?? prefixes[0]
  return prefix + path
}

/** The path without its query. */
export function routeOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? ''
}

/** The one of the three prefixes that the caller uses. */
export function prefixOf(request: FastifyRequest): string {
  return /^(.*?)\/(?:agent|all)(?:\/|$)/.exec(routeOf(request))?.[1] ?? '/replication'
}
