/** Reading a service: its pages first, then what they link to, as far as the options say. */
import type { Link } from '../../documents/schema.ts'
import { ReplicationError } from '../../errors.ts'
import { quote } from '../../resources/path.ts'
import { pageUri, resolved } from './address.ts'
import { Queue } from './queue.ts'
import { languageOf, pageOf, type Page } from './body.ts'
import { membersIn, type Context } from './members.ts'
import type { Chosen } from './chosen.ts'
import { headerLinks, isNext, isPageLink, memberLinks, nextByOffset } from './paging.ts'
import { refusal } from './patience.ts'
import type { Form } from './form.ts'
import { manyHear } from './many-hear.ts'
import { shown, type Reply } from './reply.ts'
import type { Found, Service } from './service.ts'

export interface CrawlOptions {
  readonly signal: AbortSignal
  /** Told of what was passed over, and why. */
  readonly note?: ((note: string) => void) | undefined
  /** Instead of what the options say. */
  readonly follow?: Chosen['follow']
  /** Told of each page whether it is one: something that has a place for members. */
  readonly page?: (isPage: boolean) => void
  /** When nothing is at a start, nothing is there; else that is `missing`. */
  readonly mayBeAbsent?: boolean
}

interface Todo extends Context {
  /** What must be there: without it the listing would not be all. */
  readonly isPage: boolean
  readonly isStart?: boolean
  /** It was not linked to, but counted out. */
  readonly isCounted?: boolean
}

interface Fetched {
  readonly todo: Todo
  readonly reply: Reply
  readonly page: Page
}

/**
 * All documents that can be reached from the starts, each once: as it was in the first of the pages that have it, else as it
 * is itself. Throws `missing` when there is nothing at a start; a page that fails fails the whole, so it never ends early.
 * A link to what is not there is noted.
 */
export async function* crawl(
  service: Service,
  starts: readonly { readonly uri: string; readonly type?: string }[],
  options: CrawlOptions,
): AsyncGenerator<Found, void, void> {
  const ended = new AbortController()
  const signal = manyHear(AbortSignal.any([options.signal, ended.signal]))
  const frontier = new Frontier(starts)
  const running = new Map<Todo, Promise<Fetched | undefined>>()
  const emitted = new Set<string>()
  try {
    for (;;) {
      for (
        let todo = frontier.next(running);
        todo !== undefined && running.size < service.chosen.concurrency;
        todo = frontier.next(running)
      ) {
        frontier.take(todo)
        const fetching = fetchPage(service, todo, { ...options, signal })
        // Its failure is heard of when it is waited for.
        fetching.catch(() => undefined)
        running.set(todo, fetching)
      }
      if (running.size === 0) return
      const [todo, fetched] = await Promise.race(
        [...running].map(async ([one, fetching]) => [one, await fetching] as const),
      )
      running.delete(todo)
      if (fetched !== undefined) yield* documentsIn(service, fetched, { ...options, signal, frontier, emitted })
    }
  } finally {
    ended.abort()
    await Promise.allSettled([...running.values()])
    for (const fetching of running.values()) (await fetching.catch(() => undefined))?.reply.rest?.destroy()
  }
}

/** What is still to be fetched: pages before all else, so that what they say of a document comes first. */
class Frontier {
  readonly #pages: Queue<Todo>
  readonly #links = new Queue<Todo>()
  readonly #known = new Set<string>()

  constructor(starts: readonly { readonly uri: string; readonly type?: string }[]) {
    this.#pages = new Queue(starts.map((start) => ({ ...start, isPage: true, isStart: true })))
    for (const { uri } of starts) this.#known.add(pageUri(uri))
  }

  next(running: ReadonlyMap<Todo, unknown>): Todo | undefined {
    const page = this.#pages.head
    if (page !== undefined) return page
    const waitsForPages = [...running.keys()].some(({ isPage }) => isPage)
    return waitsForPages ? undefined : this.#links.head
  }

  take(todo: Todo): void {
    if (todo.isPage) this.#pages.take()
    else this.#links.take()
  }

  /** By its own name it is the same page. */
  know(uri: string): void {
    this.#known.add(pageUri(uri))
  }

  add(todo: Todo): void {
    const uri = pageUri(todo.uri)
    if (this.#known.has(uri)) return
    this.#known.add(uri)
    if (todo.isPage) this.#pages.push({ ...todo, uri: todo.uri.includes('offset=-') ? uri : todo.uri })
    else this.#links.push(todo)
  }
}

async function fetchPage(
  { client, chosen }: Service,
  todo: Todo,
  { signal, note, mayBeAbsent }: CrawlOptions,
): Promise<Fetched | undefined> {
  const reply = await client.ask('GET', todo.uri, { signal, headers: { 'x-request-limit': String(chosen.limit) } })
  if (reply.status === 200 && (todo.isPage || languageOf(reply) !== undefined))
    return { todo, reply, page: await pageOf(reply) }
  if (todo.isStart === true && mayBeAbsent === true && [404, 410].includes(reply.status)) return undefined
  // Nothing is there, surely: so it is not missing from the listing either.
  const isNothing = [204, 404, 410].includes(reply.status) || reply.status === 200
  if (todo.isPage || !isNothing) throw refusal('GET', todo.uri, reply)
  reply.rest?.destroy()
  const why = reply.status === 200 ? 'is no document' : `was answered with ${reply.status}`
  note?.(`a link to ${shown(todo.uri)} was passed over: it ${why}`)
  return undefined
}

interface Reading extends CrawlOptions {
  readonly frontier: Frontier
  readonly emitted: Set<string>
}

async function* documentsIn(
  service: Service,
  { todo, reply, page }: Fetched,
  options: Reading,
): AsyncGenerator<Found, void, void> {
  const { frontier, emitted, note } = options
  const follow = options.follow ?? service.chosen.follow
  const context: Context = { uri: reply.uri, ...(todo.type !== undefined && { type: todo.type }) }
  let members = 0
  let fresh = 0
  const links: Link[] = []
  const values = 'members' in page ? page.members : once(page.document)
  for await (const value of values) {
    options.signal.throwIfAborted()
    for (const part of membersIn(service, value, context, 'members' in page)) {
      if (part.isMember) members++
      for (const link of part.links)
        if (isFollowed(follow, link.rel)) addLink(frontier, todo, reply.uri, link, !part.isMember, links)
      const { found } = part
      if (typeof found === 'string') note?.(`a member of ${shown(reply.uri)} was passed over: ${found}`)
      if (found === undefined || typeof found === 'string' || emitted.has(found.uri)) continue
      emitted.add(found.uri)
      fresh++
      yield found
    }
  }
  options.page?.('members' in page || service.form.isPage(page.document))
  const document = 'members' in page ? undefined : page.document
  if (follow === 'none') return
  // Where it has no links to pages at all, it may count them.
  for (const link of [...headerLinks(reply), ...(document === undefined ? [] : memberLinks(document, reply.uri))])
    if (isFollowed(follow, link.rel)) addLink(frontier, todo, reply.uri, link, true, links)
  knowSelf(service, frontier, document, todo.uri, reply.uri)
  if (todo.isCounted === true && (members === 0 || fresh === 0)) throw notAll(todo.uri)
  const next = links.length > 0 || headerLinks(reply).length > 0 ? undefined : nextByOffset(reply, document, members)
  if (next === undefined) return
  if (members === 0) throw notAll(todo.uri)
  frontier.add({ uri: next, isPage: true, isCounted: true, ...(todo.type !== undefined && { type: todo.type }) })
}

function addLink(
  frontier: Frontier,
  todo: Todo,
  from: string,
  { rel, href }: Link,
  isOfPage: boolean,
  pages: Link[],
): void {
  const uri = resolved(href, from)
  if (uri === undefined) return
  const isPage = isOfPage && isPageLink(rel)
  if (isPage) pages.push({ rel, href })
  // The pages before the one that reading began with have the same type; what they link to may have any.
  frontier.add({ uri, isPage, ...(isPage && todo.type !== undefined && { type: todo.type }) })
}

function isFollowed(follow: Chosen['follow'], rel: string): boolean {
  if (follow === 'none' || rel === 'self') return false
  return follow === 'all' || isNext(rel) || isPageLink(rel) || (follow === 'child' && rel.startsWith('child:'))
}

/** Not where it names no page of several: then all of them might. */
function knowSelf(
  { form }: Service,
  frontier: Frontier,
  document: Parameters<Form['isPage']>[0] | undefined,
  asked: string,
  at: string,
): void {
  const self = document === undefined ? undefined : form.schema.uri(document)
  const uri = self === undefined ? undefined : resolved(self, at)
  if (uri !== undefined && (new URL(asked).search === '' || new URL(uri).search !== '')) frontier.know(uri)
}

function notAll(uri: string): ReplicationError {
  return new ReplicationError(
    'unavailable',
    `${shown(uri)} has no more members, though by its count there are some: ${quote(new URL(uri).search)}`,
  )
}

async function* once<T>(value: T): AsyncGenerator<T, void, void> {
  yield value
}
