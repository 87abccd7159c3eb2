/** What is known of a request before anything of it is believed. */
export interface Facts {
  /** Of the connection itself. */
  readonly address: string
  readonly host: string | undefined
  readonly origin: string | undefined
  readonly authorization: string | undefined
  /** The secret of a session, as a browser sends it along with whatever it is made to ask for. */
  readonly session?: string | undefined
  /** It asks for a change. */
  readonly changes?: boolean
  /** A page of ours has sent it, by a header that no page of another origin can send. */
  readonly isFromPage?: boolean
  /** Something on the way says that it has passed the request on for somebody else. */
  readonly isForwarded: boolean
}

/** Whether an address, or the name of a host as it stands in HOST, is this machine's own and nobody else's. */
export function isLoopback(address: string): boolean {
  const bare = address.replace(/^\[(.*)\]$/, '$1').replace(/^::ffff:/i, '')
  return /^localhost$/i.test(bare) || bare === '::1' || /^127(?:\.\d{1,3}){3}$/.test(bare)
}

/**
 * Why a request does not come from the machine itself, or undefined. The connection alone does not say so: a page from
 * elsewhere calls through the browser of whoever looks at it, by a name that leads here (DNS rebinding) or across origins, and a
 * proxy on this machine calls for others.
 */
export function whyNotLocal({ address, host, origin, isForwarded }: Facts): string | undefined {
  if (!isLoopback(address)) return 'the call comes from another machine'
  if (isForwarded) return 'a proxy has passed the call on'
  const named = host === undefined ? undefined : hostOf(host)
  if (named === undefined || !isLoopback(named)) return 'its Host is no name of this machine'
  if (origin !== undefined && !isOwn(origin, host ?? '')) return 'it comes from a page of another origin'
  return undefined
}

/** Without the port; undefined for what is none. */
function hostOf(text: string): string | undefined {
  return /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?$/.exec(text)?.[1]
}

export function isOwn(origin: string, host: string): boolean {
  return /^https?:\/\/(.+)$/i.exec(origin)?.[1]?.toLowerCase() === host.toLowerCase()
}
