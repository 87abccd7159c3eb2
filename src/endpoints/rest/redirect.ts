import { ReplicationError } from '../../errors.ts'
import { shown, type Method, type Reply } from './reply.ts'

const reading: ReadonlySet<Method> = new Set(['GET', 'HEAD', 'OPTIONS', 'PROPFIND'])

export function isRedirect({ status }: Reply): boolean {
  return [301, 302, 303, 307, 308].includes(status)
}

/**
 * Where to ask instead. What writes is sent again only where the answer says that it shall be the same request (307, 308):
 * after the others it would become a GET, and nothing would have been written. Throws `rejected`.
 */
export function redirected(
  method: Method,
  uri: string,
  { status, headers }: Reply,
  trusts: (origin: string) => boolean,
): string {
  const location = headers['location']
  const refuse = (why: string): ReplicationError =>
    new ReplicationError('rejected', `${method} ${shown(uri)} was answered with ${status}, ${why}`)
  if (!reading.has(method) && status < 307) throw refuse('a redirect after which nothing would have been written')
  if (typeof location !== 'string' || !URL.canParse(location, uri)) throw refuse('a redirect that leads nowhere')
  const next = new URL(location, uri)
  next.hash = ''
  if (!/^https?:$/.test(next.protocol) || !trusts(next.origin))
    throw refuse(`a redirect to ${next.origin}; name that in \`origins\` if it may be trusted`)
  return next.href
}
