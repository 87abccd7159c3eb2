/** What a package asks of a service: read whole, and so verified, before anything is written. */
import { isUtf8 } from 'node:buffer'
import type { Readable } from 'node:stream'
import { parseJson } from '../../documents/json.ts'
import type { Dependent } from '../../documents/levels.ts'
import { nameAt, type DocumentName } from '../../documents/names.ts'
import type { Value } from '../../documents/value.ts'
import { ReplicationError } from '../../errors.ts'
import type { PackageChange, PackageReader } from '../../packages/read.ts'
import { quote, segmentsOf, type ResourcePath } from '../../resources/path.ts'
import { collectionOf, keyOf, resolved } from './address.ts'
import { digestOf } from './form.ts'
import { holdsOthers } from './members.ts'
import { Spool, type Spooled } from './spool.ts'
import type { Service } from './service.ts'

/** A document that is to be there: its names, without its content. `key` is its URI's path, whichever the environment. */
export interface Planned extends Dependent, DocumentName {
  readonly path: ResourcePath
  /** Where it is written. */
  readonly place: string
  /** What lies there, and others beside it. */
  readonly collection: string
  /** It says itself where that is. */
  readonly hasUri: boolean
  /** Of its content as it is to be read again. */
  readonly digest: string
  readonly content: Spooled
}

export interface Removal {
  readonly path: ResourcePath
  readonly deep: boolean
}

const maxDocumentBytes = 64 * 1024 * 1024

export interface PlanOptions {
  readonly paths?: readonly ResourcePath[] | undefined
  readonly signal: AbortSignal
  /** Told of each that is not fit to be written; without it, that fails the whole. */
  readonly unfit?: ((path: ResourcePath, error: ReplicationError) => void) | undefined
}

export class Plan {
  readonly documents: Planned[] = []
  readonly removals: Removal[] = []
  /** What the manifest puts, folders included, in order. */
  readonly listed: ResourcePath[] = []
  readonly #spool = new Spool()
  entries = 0
  bytes = 0

  /** Throws, or tells `unfit` if there is that, `invalid` for what is no document, or names another than its path, `conflict` for two at one place; `corrupt` and others of the package. */
  async read(pkg: PackageReader, service: Service, { paths, signal, unfit }: PlanOptions): Promise<void> {
    const places = new Map<string, ResourcePath>()
    for await (const batch of pkg.batches({ ...(paths !== undefined && { paths }), signal }))
      for (const change of batch) {
        this.entries++
        const { path } = change.entry
        if (change.kind === 'delete') {
          this.removals.push({ path, deep: change.entry.deep })
          continue
        }
        this.listed.push(path)
        try {
          if (change.kind === 'folder') checkFolder(path)
          else await this.#add(change, service, places)
        } catch (error) {
          // What is wrong with the package itself is nobody's own fault.
          if (unfit === undefined || !(error instanceof ReplicationError) || error.code === 'corrupt') throw error
          unfit(path, error)
        }
      }
  }

  /** The document, as JSON. */
  async textOf({ content }: Planned): Promise<string> {
    return (await this.#spool.read(content)).toString()
  }

  async close(): Promise<void> {
    await this.#spool.close()
  }

  async #add(
    { entry: { path }, content }: Extract<PackageChange, { kind: 'put' }>,
    { form, addresses, chosen }: Service,
    places: Map<string, ResourcePath>,
  ): Promise<void> {
    const bytes = Buffer.isBuffer(content) ? content : await wholeOf(content, path)
    const name = nameAt(path)
    if (name === undefined) throw refused(path, 'a document is at a path of two segments, its type and its id')
    const { type, id } = name
    const value = valueIn(bytes, path)
    if (Array.isArray(value) || holdsOthers(form, value)) throw refused(path, 'it is a list of others')
    const [ownId, ownType] = [form.schema.id(value), form.schema.type(value)]
    if (ownId === undefined && chosen.listing !== 'webdav')
      throw refused(path, 'it says no id, and so would not be found in the service again')
    if ((ownId ?? id) !== id || (ownType ?? type) !== type)
      throw refused(path, `it says that it is ${quote(`${ownType ?? type}/${ownId ?? id}`)}`)
    const own = form.schema.uri(value)
    const place = addresses.placeOf(name, form.schema.uri(form.isPlain ? value : form.sent(value, undefined)))
    const other = places.get(place)
    if (other !== undefined)
      throw new ReplicationError('conflict', `${quote(other)} and ${quote(path)} are both to be written to ${place}`)
    places.set(place, path)
    const base = own === undefined ? place : (resolved(own, chosen.url) ?? place)
    const after = form.schema.parents(value).flatMap((href) => keyOf(href, base) ?? [])
    const key = keyOf(base, chosen.url) ?? place
    this.bytes += bytes.length
    this.documents.push({
      ...{
        path,
        type,
        id,
        place,
        collection: collectionOf(place),
        key,
        after,
        hasUri: own !== undefined && chosen.listing !== 'webdav',
      },
      ...{ digest: digestOf(form.without(value)), content: await this.#spool.add(bytes) },
    })
  }
}

function checkFolder(path: ResourcePath): void {
  // A folder is a type, which is there as soon as there is a document of it.
  if (segmentsOf(path).length > 1) throw refused(path, 'a document holds no others')
}

function valueIn(bytes: Buffer, path: ResourcePath): Value {
  if (!isUtf8(bytes)) throw refused(path, 'its content is not in UTF-8')
  try {
    return parseJson(bytes.toString())
  } catch (error) {
    if (error instanceof ReplicationError) throw refused(path, error.message, error)
    throw error
  }
}

function refused(path: ResourcePath, why: string, cause?: unknown): ReplicationError {
  return new ReplicationError('invalid', `${quote(path)} cannot be held as a document: ${why}`, { cause })
}

async function wholeOf(stream: Readable, path: ResourcePath): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    size += chunk.length
    if (size > maxDocumentBytes)
      throw new ReplicationError('too-large', `the document at ${quote(path)} is longer than ${maxDocumentBytes} bytes`)
  }
  return Buffer.concat(chunks)
}
