/** A WebDAV server (RFC 4918) as a place for documents: a folder for each type, a file for each document. */
import { SaxesParser } from 'saxes'
import { decodeName } from '../../documents/names.ts'
import { ReplicationError } from '../../errors.ts'
import { collectionOf, lastSegment, pathOf, resolved } from './address.ts'
import { documentOf, type Language } from './body.ts'
import type { CrawlOptions } from './crawl.ts'
import { inStep } from './in-step.ts'
import { manyHear } from './many-hear.ts'
import { reasonOf, refusal } from './patience.ts'
import { shown } from './reply.ts'
import type { Found, Service } from './service.ts'

const question = '<?xml version="1.0"?><propfind xmlns="DAV:"><prop><resourcetype/></prop></propfind>'

const languages: Readonly<Record<string, Language>> = { json: 'json', yaml: 'yaml', yml: 'yaml' }

interface Entry {
  readonly uri: string
  readonly isFolder: boolean
}

/** All documents below the service's URL, folder by folder. Throws `missing` when there is nothing there. */
export async function* webdavFiles(service: Service, options: CrawlOptions): AsyncGenerator<Found, void, void> {
  const signal = manyHear(AbortSignal.any([options.signal]))
  const folders = [asFolder(service.chosen.url)]
  let isStart = true
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop(), isStart = false) {
    const entries = await entriesOf(service, folder, signal)
    if (entries === undefined) {
      if (!isStart) throw new ReplicationError('unavailable', `the folder ${shown(folder)} has gone while it was read`)
      if (options.mayBeAbsent === true) return
      throw new ReplicationError('missing', `nothing is at ${shown(folder)}`)
    }
    for (const { uri, isFolder } of entries)
      if (isFolder && !hasDot(uri)) folders.push(asFolder(uri))
      else if (isFolder) options.note?.(`the folder ${shown(uri)} was passed over: its name begins with a dot`)
    const files = entries.filter((entry) => !entry.isFolder && isDocument(entry.uri, options.note))
    for await (const found of inStep(files, service.chosen.concurrency, ({ uri }) => fileAt(service, uri, signal)))
      if (found !== undefined) yield found
  }
}

/** URIs of the documents in a folder; none when the folder is not there. */
export async function webdavNames(service: Service, folder: string, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const entries = (await entriesOf(service, asFolder(folder), signal)) ?? []
  return new Set(entries.filter(({ isFolder }) => !isFolder).map(({ uri }) => uri))
}

/** Makes the folders that a file is to lie in, from the outermost that is missing. Throws when one can not be made. */
export async function makeFolders({ client, chosen }: Service, place: string, signal: AbortSignal): Promise<void> {
  const top = new URL(asFolder(chosen.url)).pathname
  const make = async (folder: string): Promise<void> => {
    const uri = asFolder(folder)
    const reply = await client.ask('MKCOL', uri, { signal })
    // 405: it is there already.
    if (reply.status === 201 || reply.status === 405 || reply.status === 200) return
    const isTop = new URL(uri).pathname === '/' || !uri.includes(top)
    if ((reply.status !== 409 && reply.status !== 404) || isTop) throw refusal('MKCOL', uri, reply)
    await make(collectionOf(uri))
    const again = await client.ask('MKCOL', uri, { signal })
    if (again.status !== 201 && again.status !== 405) throw refusal('MKCOL', uri, again)
  }
  await make(collectionOf(place))
}

async function fileAt({ client, form }: Service, uri: string, signal: AbortSignal): Promise<Found | undefined> {
  const reply = await client.ask('GET', uri, { signal })
  if (reply.status === 404) return undefined
  if (reply.status !== 200) throw refusal('GET', uri, reply)
  const value = await documentOf(reply, languageIn(uri))
  const [id, type] = [named(uri, lastSegment(uri)?.replace(/\.[^.]*$/, '')), named(uri, lastSegment(collectionOf(uri)))]
  const parents = form.schema.parents(value).flatMap((href) => resolved(href, uri) ?? [])
  return {
    type: form.schema.type(value) ?? type,
    id: form.schema.id(value) ?? id,
    value: form.received(value),
    uri,
    parents,
  }
}

function named(uri: string, segment: string | undefined): string {
  try {
    return decodeName(segment ?? '')
  } catch (cause) {
    throw new ReplicationError('invalid', `${shown(uri)} is not named as a document can be`, { cause })
  }
}

function isDocument(uri: string, note: CrawlOptions['note']): boolean {
  if (!hasDot(uri) && languageIn(uri) !== undefined) return true
  note?.(`${shown(uri)} was passed over: by its name it is no document`)
  return false
}

function hasDot(uri: string): boolean {
  return lastSegment(uri)?.startsWith('.') === true
}

function languageIn(uri: string): Language | undefined {
  const ending = /\.([a-z]+)$/.exec(lastSegment(uri) ?? '')?.[1] ?? ''
  return Object.hasOwn(languages, ending) ? languages[ending] : undefined
}

function asFolder(uri: string): string {
  const url = new URL(uri)
  url.search = ''
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url.href
}

/** What is directly in a folder, in order; undefined when it is not there. */
async function entriesOf({ client }: Service, folder: string, signal: AbortSignal): Promise<Entry[] | undefined> {
  const headers = { depth: '1', 'content-type': 'application/xml' }
  const reply = await client.ask('PROPFIND', folder, { signal, headers, body: question })
  if (reply.status === 404) return undefined
  if (reply.status !== 207) throw refusal('PROPFIND', folder, reply)
  const chunks = [reply.body]
  for await (const chunk of (reply.rest ?? []) as AsyncIterable<Buffer>) chunks.push(chunk)
  const own = pathOf(folder)
  return responsesIn(Buffer.concat(chunks).toString(), folder)
    .flatMap(({ href, isFolder }) => {
      const uri = resolved(href, folder)
      if (uri === undefined) return []
      // A server behind another may name itself otherwise: what counts is the path.
      const path = pathOf(uri)
      const name = path.startsWith(own) ? path.slice(own.length).replace(/\/$/, '') : ''
      return name === '' || name.includes('/') ? [] : [{ uri: new URL(folder).origin + path, isFolder }]
    })
    .toSorted((one, other) => (one.uri < other.uri ? -1 : 1))
}

interface Response {
  readonly href: string
  readonly isFolder: boolean
}

function responsesIn(xml: string, folder: string): Response[] {
  const responses: Response[] = []
  const trail: string[] = []
  let href = ''
  let isFolder = false
  const parser = new SaxesParser({ xmlns: true })
  parser.on('opentag', ({ local, uri }) => {
    const name = uri === 'DAV:' ? local : ''
    trail.push(name)
    if (name === 'response') [href, isFolder] = ['', false]
    if (name === 'collection' && trail.at(-2) === 'resourcetype') isFolder = true
  })
  parser.on('text', (text) => {
    if (trail.at(-1) === 'href' && trail.at(-2) === 'response') href += text
  })
  parser.on('closetag', () => {
    if (trail.pop() === 'response') responses.push({ href: href.trim(), isFolder })
  })
  parser.on('error', (error) => {
    throw error
  })
  try {
    parser.write(xml).close()
  } catch (cause) {
    throw new ReplicationError(
      'invalid',
      `${shown(folder)} answered a listing that is no XML: ${reasonOf(cause).slice(0, 200)}`,
      { cause },
    )
  }
  return responses
}
