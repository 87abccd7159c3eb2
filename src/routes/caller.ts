import type { FastifyRequest } from 'fastify'

/** Who is asking, as histories and revisions name them. Callers have no credentials, so nobody is known by name. */
export function actorOf(_request: FastifyRequest): string {
  return 'anonymous'
}

/** The address of something of ours, under the prefix by which the caller came. `path` begins with a slash. */
export function hrefOf(request: FastifyRequest, path: string): string {
  const { prefix } = request.routeOptions.config as { prefix?: string }
  return `${prefix ?? ''}${path}`
}
