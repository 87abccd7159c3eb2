/** What a service has of what is to be written there: by reading its collection when that is cheaper than asking for each. */
import { pathOf } from '../../documents/names.ts'
import type { Value } from '../../documents/value.ts'
import { ReplicationError } from '../../errors.ts'
import type { ResourcePath } from '../../resources/path.ts'
import { pathOf as uriPath } from './address.ts'
import { documentOf, languageOf, type Language } from './body.ts'
import { crawl } from './crawl.ts'
import { digestOf } from './form.ts'
import { allInStep } from './in-step.ts'
import { refusal } from './patience.ts'
import type { Planned } from './plan.ts'
import { webdavNames } from './webdav.ts'
import type { Found, Service } from './service.ts'

/** What is known of a document before it is written. */
export type Seen = { readonly uri: string; readonly digest: string } | 'absent'

/** A document as the service has it now. */
export interface Current {
  readonly value: Value
  readonly digest: string
  readonly etag?: string
}

/** For fewer, each is asked for by itself. */
const fewest = 20
/** A collection is read on while it is not larger than this and so many times what is looked for. */
const slack = 1000
const ratio = 20

/** Of each that something is known of; what is not in the answer is to be asked for by itself. */
export async function look(
  service: Service,
  planned: readonly Planned[],
  signal: AbortSignal,
): Promise<Map<ResourcePath, Seen>> {
  const known = new Map<ResourcePath, Seen>()
  const groups = grouped(planned, (one) => one.collection)
  await allInStep(groups, service.chosen.concurrency, async ([collection, wanted]) => {
    const found =
      service.chosen.listing === 'webdav'
        ? await inFolder(service, collection, wanted, signal)
        : await inCollection(service, collection, wanted, signal)
    for (const [path, seen] of found) known.set(path, seen)
  })
  return known
}

/** What is at that place now; undefined when there is nothing. */
export async function currentAt(
  { client, form, chosen }: Service,
  place: string,
  signal: AbortSignal,
): Promise<Current | undefined> {
  const reply = await client.ask('GET', place, { signal })
  if (reply.status === 404 || reply.status === 410) return undefined
  if (reply.status !== 200) throw refusal('GET', place, reply)
  const value = await documentOf(reply, chosen.listing === 'webdav' ? languageAt(place) : languageOf(reply))
  const { etag } = reply.headers
  return { value, digest: digestOf(form.received(value)), ...(typeof etag === 'string' && { etag }) }
}

export function languageAt(place: string): Language {
  return /\.ya?ml$/.test(place) ? 'yaml' : 'json'
}

/** Whether a document that was found is the one that is meant: at its own place, or wherever when it says none. */
export function isAt(planned: Planned, found: Pick<Found, 'uri'>): boolean {
  const isSame = planned.place === found.uri || uriPath(planned.place) === uriPath(found.uri)
  return isSame || (!planned.hasUri && new URL(planned.place).origin === new URL(found.uri).origin)
}

async function inCollection(
  service: Service,
  collection: string,
  wanted: readonly Planned[],
  signal: AbortSignal,
): Promise<Map<ResourcePath, Seen>> {
  const known = new Map<ResourcePath, Seen>()
  if (wanted.length < fewest) return known
  const byPath = new Map(wanted.map((one) => [one.path, one]))
  const types = new Set(wanted.map(({ type }) => type))
  const listings = [...types].flatMap((type) => service.addresses.listing(type) ?? [])
  const starts: { uri: string; type?: string }[] =
    listings.length > 0
      ? [...types].map((type) => ({ uri: service.addresses.listing(type) ?? collection, type }))
      : [{ uri: collection }]
  let isCollection = true
  let seen = 0
  const page = (isPage: boolean): void => void (isCollection &&= isPage)
  try {
    for await (const found of crawl(service, starts, { signal, follow: 'page', page })) {
      const one = byPath.get(pathOf(found))
      if (one !== undefined && isAt(one, found)) known.set(one.path, { uri: found.uri, digest: digestOf(found.value) })
      if (known.size === wanted.length || ++seen > slack + ratio * wanted.length) return known
    }
  } catch (error) {
    signal.throwIfAborted()
    // It can not be listed: then nothing is said of what was not found.
    if (error instanceof ReplicationError && !error.transient) return known
    throw error
  }
  if (isCollection) for (const { path } of wanted) if (!known.has(path)) known.set(path, 'absent')
  return known
}

/** By names alone: what they hold is asked for one by one. */
async function inFolder(
  service: Service,
  folder: string,
  wanted: readonly Planned[],
  signal: AbortSignal,
): Promise<Map<ResourcePath, Seen>> {
  const uris = await webdavNames(service, folder, signal)
  const byStem = new Map([...uris].map((uri) => [stemOf(uri), uri]))
  return new Map(
    wanted.map(({ path, place }): [ResourcePath, Seen] => {
      const uri = uris.has(place) ? place : byStem.get(stemOf(place))
      return [path, uri === undefined ? 'absent' : { uri, digest: '' }]
    }),
  )
}

/** In the order in which the groups begin. */
export function grouped<T>(items: Iterable<T>, keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}

function stemOf(uri: string): string {
  return uri.replace(/\.(?:json|ya?ml)$/, '')
}
