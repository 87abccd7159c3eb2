import type { Readable } from 'node:stream'

export type Method = 'GET' | 'HEAD' | 'OPTIONS' | 'PROPFIND' | 'PUT' | 'POST' | 'PATCH' | 'DELETE' | 'MKCOL'

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Where it came from, after redirects. */
  readonly uri: string
  /** All of it, or its beginning. */
  readonly body: Buffer
  /** What comes behind that beginning, of an answer that is very long: to be read or destroyed. */
  readonly rest?: Readable
}

export function isGood({ status }: Reply): boolean {
  return status >= 200 && status < 300
}

/** A URI for messages: without its query, where keys may stand. */
export function shown(uri: string): string {
  const [place = uri] = uri.split('?')
  return place.length > 300 ? `${place.slice(0, 300)}…` : place
}
