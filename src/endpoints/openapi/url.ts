/** An OpenAPI document at a URL. */
import { basename, extname } from 'node:path'
import { ReplicationError } from '../../errors.ts'
import { rootPath } from '../../resources/path.ts'
import { ThreadPool } from '../../threads/pool.ts'
import { maxThreads } from '../directory/job.ts'
import { documentsOrder } from '../delivery-order.ts'
import type { Told } from '../documents/told.ts'
import type { EndpointContext, Receipt, Target, TargetDelivery, TestStep } from '../endpoint.ts'
import { languageOf, wholeOf } from '../rest/body.ts'
import { chosenFrom } from '../rest/chosen.ts'
import { RestClient } from '../rest/client.ts'
import { laneAt } from '../rest/lanes.ts'
import { manyHear } from '../rest/many-hear.ts'
import { refusal } from '../rest/patience.ts'
import { writeFault } from '../rest/probe.ts'
import { isGood, shown, type Reply } from '../rest/reply.ts'
import { stepsOfAll } from '../step.ts'
import type { From } from './from.ts'
import { ownedBy, type UrlOptions } from './options.ts'
import { list, read, type Home } from './source.ts'
import { formatIn, formatNamed, maxBytes, textOf, tooLarge, type Format } from './text.ts'
import type { UrlApplied, UrlApplyOrder } from './url-thread.ts'

const appliers = new ThreadPool(maxThreads)
const thread = new URL('./url-thread.js', import.meta.url)

const accept = 'application/json, application/yaml;q=0.9, text/yaml;q=0.8, */*;q=0.1'
/** So often somebody else may have written the document while we did, before this gives up. */
const maxTries = 5

export interface Held {
  readonly bytes: Uint8Array
  readonly format: Format | undefined
  /** That of just these bytes. */
  readonly etag: string | undefined
  /** Of what it is written in. */
  readonly type: string | undefined
}

export class Service {
  readonly client: RestClient
  readonly url: string
  readonly owned: readonly string[]
  readonly #format: Format | undefined

  constructor({ format, owned, servers, ...options }: UrlOptions, context: EndpointContext) {
    this.client = new RestClient(chosenFrom(options), context)
    this.url = options.url
    this.owned = ownedBy({ ...(owned !== undefined && { owned }), ...(servers !== undefined && { servers }) })
    this.#format = format ?? formatNamed(new URL(options.url).pathname)
  }

  /** Undefined when there is none. Throws what the service's refusal means, `too-large`, `invalid`. */
  async get(signal: AbortSignal): Promise<Held | undefined> {
    const reply = await this.client.ask('GET', this.url, { signal, headers: { accept } })
    if (reply.status === 404 || reply.status === 410) {
      reply.rest?.destroy()
      return undefined
    }
    if (!isGood(reply)) throw refusal('GET', this.url, reply)
    const { etag, 'content-type': type, 'content-encoding': coding } = reply.headers
    if (coding !== undefined && coding !== 'identity')
      throw new ReplicationError('invalid', `${shown(this.url)} answered in ${String(coding)}, which was not asked for`)
    const bytes = await bytesOf(reply)
    const format = this.#format ?? (type === undefined ? undefined : languageOf(reply))
    const isStrong = typeof etag === 'string' && etag.startsWith('"')
    return { bytes, format, etag: isStrong ? etag : undefined, type: typeof type === 'string' ? type : undefined }
  }

  /** Where nothing is yet, as what it was made after. False when something is. */
  create(text: string, { format, type }: Held, signal: AbortSignal): Promise<boolean> {
    return this.#put(text, type ?? `application/${format ?? formatIn(text)}`, { 'if-none-match': '*' }, signal)
  }

  /** False when somebody else has written it since. Throws what the service's refusal means. */
  async put(text: string, before: Held | undefined, signal: AbortSignal): Promise<boolean> {
    const format = before?.format ?? this.#format ?? formatIn(text)
    const condition: Record<string, string> =
      before === undefined ? { 'if-none-match': '*' } : before.etag === undefined ? {} : { 'if-match': before.etag }
    return this.#put(text, before?.type ?? `application/${format}`, condition, signal)
  }

  async #put(
    text: string,
    type: string,
    condition: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const reply = await this.client.ask('PUT', this.url, {
      ...{ signal, body: text },
      headers: { 'content-type': type, ...condition },
    })
    reply.rest?.destroy()
    if (reply.status === 412) return false
    if (!isGood(reply)) throw refusal('PUT', this.url, reply)
    return true
  }

  async applied(held: Held | undefined, delivery: TargetDelivery, signal: AbortSignal): Promise<UrlApplied> {
    const name = basename(new URL(this.url).pathname)
    const order: UrlApplyOrder = {
      ...{ document: held?.bytes, format: held === undefined ? this.#format : held.format, owned: this.owned },
      ...{ title: basename(name, extname(name)) || new URL(this.url).host, ...documentsOrder(delivery) },
    }
    signal.throwIfAborted()
    const job = appliers.start<UrlApplyOrder, UrlApplied>(thread, order, signal)
    job.port.on('message', (told: Told) => {
      if ('results' in told) for (const one of told.results) delivery.result?.(one)
      else delivery.progress?.(told.entries, told.bytes)
    })
    return job.result.catch((error: unknown) => {
      signal.throwIfAborted()
      throw error
    })
  }
}

async function bytesOf(reply: Reply): Promise<Uint8Array> {
  try {
    const bytes = await wholeOf(reply, maxBytes)
    if (bytes.length > maxBytes) throw tooLarge()
    return bytes
  } catch (error) {
    throw error instanceof ReplicationError && error.code === 'too-large' ? tooLarge() : error
  }
}

export function urlHome(options: UrlOptions, context: EndpointContext): Home {
  return homeOf(new Service(options, context))
}

function homeOf(service: Service): Home {
  return {
    find: async (signal) => {
      const held = await service.get(manyHear(AbortSignal.any([signal])))
      if (held === undefined) return undefined
      const from: From = { bytes: held.bytes }
      return { from, format: held.format, owned: service.owned }
    },
    refuse: () => {
      throw new ReplicationError('missing', `nothing is at ${shown(service.url)}; correct the URL`)
    },
    close: () => service.client.close(),
  }
}

export function urlTarget(options: UrlOptions, context: EndpointContext): Target {
  const service = new Service(options, context)
  const home = homeOf(service)
  return {
    apply: (delivery, signal) => apply(service, delivery, signal),
    list: (path, signal) => list(home, path, signal),
    holdings: { read: (path, reading) => read(home, path, reading) },
    test: (signal) => test(service, home, signal),
    close: () => service.client.close(),
  }
}

async function apply(service: Service, delivery: TargetDelivery, until: AbortSignal): Promise<Receipt> {
  until.throwIfAborted()
  const signal = manyHear(AbortSignal.any([until]))
  const lane = laneAt(service.url, delivery.lane)
  lane.enter(delivery)
  const known = lane.receiptOf(delivery)
  if (known !== undefined) return known
  const done = await written(service, delivery, () => lane.check(delivery), signal)
  for (const result of done.results) delivery.result?.(result)
  if (done.failure !== undefined) throw new ReplicationError(done.failure.code, done.failure.detail)
  const { package: pkg, entries, bytes } = done
  const receipt = { delivery: delivery.id, package: pkg, entries, bytes, appliedAt: new Date().toISOString() }
  lane.remember(receipt)
  return receipt
}

async function written(
  service: Service,
  delivery: TargetDelivery,
  check: () => void,
  signal: AbortSignal,
): Promise<UrlApplied> {
  for (let tries = 1; tries <= maxTries; tries++) {
    const held = await service.get(signal)
    const done = await service.applied(held, delivery, signal)
    if (done.text === undefined) return done
    check()
    if (!(await service.put(done.text, held, signal))) continue
    // What was written says itself that nothing is left to be done.
    const again = await service.applied(await service.get(signal), delivery, signal)
    if (again.text === undefined) return done
    throw new ReplicationError('rejected', `${shown(service.url)} took what was written, but does not answer it`)
  }
  throw new ReplicationError('unavailable', `${shown(service.url)} changed meanwhile; the run is to be repeated`)
}

function test(service: Service, home: Home, signal: AbortSignal): AsyncGenerator<TestStep, void, void> {
  let held: Held | undefined
  return stepsOfAll(
    [
      ...service.client.reachSteps(signal),
      [
        'answer',
        async () => {
          held = await service.get(signal)
          return undefined
        },
      ],
      [
        'read',
        async () => {
          if (held === undefined) return undefined
          textOf(held.bytes)
          for await (const _ of list(home, rootPath, signal));
          return undefined
        },
      ],
      ['write', () => writeFault(service, service.url, signal)],
    ],
    signal,
  )
}
