import { hash } from 'node:crypto'
import { encodeName, type Document } from '../../documents/names.ts'
import { inOrder } from '../../documents/order.ts'
import { ReplicationError } from '../../errors.ts'
import { isWithin, quote, segmentsOf, type ResourcePath } from '../../resources/path.ts'
import type { Resource, ResourceState } from '../../resources/resource.ts'
import type { ReadOptions, Source } from '../endpoint.ts'
import { crawl, type CrawlOptions } from './crawl.ts'
import { webdavFiles } from './webdav.ts'
import type { Found, Service } from './service.ts'

/** Every document of the service, in whatever order it has them. */
export function documentsOf(service: Service, options: CrawlOptions): AsyncGenerator<Found, void, void> {
  return service.chosen.listing === 'webdav'
    ? webdavFiles(service, options)
    : crawl(service, service.addresses.starts, options)
}

export class RestSource implements Source {
  readonly #service: Service

  constructor(service: Service) {
    this.#service = service
  }

  async *read(path: ResourcePath, { deep, includes, note, signal }: ReadOptions): AsyncGenerator<Resource, void, void> {
    signal.throwIfAborted()
    let nothing = true
    const documents = within(path, documentsOf(this.#service, { signal, note }))
    for await (const resource of inOrder(documents, { signal })) {
      if (deep ? !isWithin(resource.path, path) : resource.path !== path) continue
      nothing = false
      if (includes?.(resource.path) === false) continue
      yield resource
      signal.throwIfAborted()
    }
    if (nothing) throw new ReplicationError('missing', `nothing is at ${quote(path)}`)
  }

  async close(): Promise<void> {
    await this.#service.client.close()
  }
}

/** What the service holds there; nothing when it has nothing at all. */
export async function* statesOf(
  service: Service,
  path: ResourcePath,
  signal: AbortSignal,
): AsyncGenerator<ResourceState, void, void> {
  const documents = within(path, documentsOf(service, { signal, mayBeAbsent: true }))
  for await (const { path: at, content } of inOrder(documents, { signal })) {
    signal.throwIfAborted()
    if (!isWithin(at, path)) continue
    if (content === undefined) {
      yield { path: at }
      continue
    }
    const bytes = content() as Uint8Array
    yield { path: at, digest: hash('sha256', bytes), size: bytes.length }
  }
}

/** A type that the path names is all that need be put in order. */
async function* within(path: ResourcePath, documents: AsyncIterable<Document>): AsyncGenerator<Document, void, void> {
  const [type] = segmentsOf(path)
  for await (const document of documents) if (type === undefined || encodeName(document.type) === type) yield document
}
