/** Where documents are at a service. */
import { encodeName, type DocumentName } from '../../documents/names.ts'
import { ReplicationError } from '../../errors.ts'
import { quote } from '../../resources/path.ts'
import type { Chosen } from './chosen.ts'

/** The URI without what is only for browsers; undefined for what is no URI of the web. */
export function resolved(href: string, from: string): string | undefined {
  return urlOf(href, from)?.href
}

function urlOf(href: string, from: string): URL | undefined {
  let url: URL
  try {
    url = new URL(href, from)
  } catch {
    return undefined
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined
  // Each of these takes the whole apart and puts it together again.
  if (url.hash !== '') url.hash = ''
  // What a link says of who asks is not ours to use, and not for messages.
  if (url.username !== '') url.username = ''
  if (url.password !== '') url.password = ''
  return url
}

/** Path and query: what names a document whichever environment it is in. Undefined for what is no URI. */
export function keyOf(href: string, from: string): string | undefined {
  const url = urlOf(href, URL.canParse(from) ? from : 'http://here/')
  return url === undefined ? undefined : sameFor(url.pathname) + url.search
}

/** The path of a URI, as everybody would encode it: some escape more than others, and in small letters. */
export function pathOf(uri: string): string {
  return sameFor(new URL(uri).pathname)
}

function sameFor(pathname: string): string {
  if (/^[\w\-.~/]*$/.test(pathname)) return pathname
  return pathname
    .split('/')
    .map((segment) => encodeURIComponent(decoded(segment)))
    .join('/')
}

/** Two URIs of one page are the same text: the order of the query says nothing, and nothing is before the first. */
export function pageUri(uri: string): string {
  const url = new URL(uri)
  const offset = url.searchParams.get('offset')
  if (offset?.startsWith('-') === true) url.searchParams.set('offset', '0')
  if (url.search !== '') url.searchParams.sort()
  return url.href
}

/** The last segment of a URI's path, decoded; undefined when there is none. */
export function lastSegment(uri: string): string | undefined {
  const segment = new URL(uri).pathname.split('/').findLast((one) => one !== '')
  return segment === undefined ? undefined : decoded(segment)
}

/** The URI without its query, whose last segment, and the slash before it, are left out. */
export function collectionOf(place: string): string {
  const [path = place] = place.split(/[?#]/, 1)
  const root = path.indexOf('/', path.indexOf('://') + 3)
  const slash = path.lastIndexOf('/', path.endsWith('/') ? path.length - 2 : undefined)
  return slash <= root ? path.slice(0, root + 1) : path.slice(0, slash)
}

/** Throws `invalid` for what no URI can have in its path. */
export function below(uri: string, ...segments: string[]): string {
  const dots = segments.find((segment) => segment === '.' || segment === '..')
  if (dots !== undefined) throw new ReplicationError('invalid', `${quote(dots)} cannot be a segment of a URI`)
  const url = new URL(uri)
  url.search = ''
  url.pathname = [url.pathname.replace(/\/$/, ''), ...segments.map(encodeURIComponent)].join('/')
  return url.href
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

/** Where a document is written: at its own path below our origin, or else at `<url>/<type>/<id>`. */
export class Addresses {
  readonly #chosen: Chosen
  readonly #origin: string

  constructor(chosen: Chosen) {
    this.#chosen = chosen
    this.#origin = new URL(chosen.url).origin
  }

  /** What reading begins with, and what is there when it does not say so itself. */
  get starts(): { readonly uri: string; readonly type?: string }[] {
    const { collections, url } = this.#chosen
    const named = Object.keys(collections).map((type) => ({ uri: this.listing(type) ?? url, type }))
    return named.length > 0 ? named : [{ uri: resolved(url, url) ?? url }]
  }

  /** Where the options say that a type is listed. */
  listing(type: string): string | undefined {
    const { collections, url } = this.#chosen
    const reference = Object.hasOwn(collections, type) ? collections[type] : undefined
    if (reference === undefined) return undefined
    const folder = new URL(url)
    if (!folder.pathname.endsWith('/')) folder.pathname += '/'
    const uri = resolved(reference, folder.href)
    if (uri === undefined || new URL(uri).origin !== this.#origin)
      throw new ReplicationError(
        'invalid',
        `the collection of ${quote(type)} is to lie at ${this.#origin}, not at ${quote(reference)}`,
      )
    return uri
  }

  /** `uri`: what the document says of itself, as it goes to this service. Throws `invalid` for one that leads nowhere. */
  placeOf({ type, id }: DocumentName, uri: string | undefined): string {
    const { url, listing, format, basePath } = this.#chosen
    if (listing === 'webdav') return below(url, encodeName(type), `${encodeName(id)}.${format}`)
    if (uri === undefined) return below(this.#folderOf(type), id)
    const { pathname = '/', search = '' } = urlOf(uri, url) ?? {}
    if (pathname === '/')
      throw new ReplicationError('invalid', `${quote(`${type}/${id}`)} has the URI ${quote(uri)}, which names no place`)
    const prefix = basePath === undefined || isBelow(pathname, basePath) ? '' : basePath.replace(/\/$/, '')
    return this.#origin + prefix + pathname + search
  }

  #folderOf(type: string): string {
    const { url } = this.#chosen
    const listed = this.listing(type)
    if (listed !== undefined && lastSegment(listed) === type) return listed
    return lastSegment(url) === type ? url : below(url, type)
  }
}

function isBelow(path: string, prefix: string): boolean {
  const folder = prefix.replace(/\/$/, '')
  return path === folder || path.startsWith(`${folder}/`)
}
