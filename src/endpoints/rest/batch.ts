/** Many documents in one PATCH of their collection: `{"items": […]}`, where that says that it takes it. */
import { parseJson, printJson } from '../../documents/json.ts'
import { printYaml } from '../../documents/yaml.ts'
import { refusal } from './patience.ts'
import type { Planned } from './plan.ts'
import { isGood, type Reply } from './reply.ts'
import type { Service } from './service.ts'

/** What a batch came to: all of it is written, or something is wrong with one of it, or no batch is taken there at all. */
export type Batched = 'written' | 'refused' | 'not-taken'

export class Batches {
  readonly #service: Service
  readonly #takers = new Map<string, Promise<boolean>>()

  constructor(service: Service) {
    this.#service = service
  }

  /** Asked once for each collection, and remembered. */
  async areTaken(collection: string, signal: AbortSignal): Promise<boolean> {
    let taker = this.#takers.get(collection)
    if (taker === undefined) {
      taker = this.#ask(collection, signal)
      this.#takers.set(collection, taker)
      taker.catch(() => this.#takers.delete(collection))
    }
    return taker
  }

  /** All at one collection. Throws for what has nothing to do with the documents. */
  async send(
    batch: readonly { readonly planned: Planned; readonly text: string }[],
    signal: AbortSignal,
  ): Promise<Batched> {
    const { client } = this.#service
    const { collection = '' } = batch[0]?.planned ?? {}
    const { body, type } = this.#bodyFor(batch.map(({ text }) => text))
    const reply = await client.ask('PATCH', collection, { signal, body, headers: { 'content-type': type } })
    reply.rest?.destroy()
    if (isGood(reply)) return 'written'
    if ([404, 405, 415, 501].includes(reply.status)) {
      this.#takers.set(collection, Promise.resolve(false))
      return 'not-taken'
    }
    if (!mayBeOne(reply)) throw refusal('PATCH', collection, reply)
    return 'refused'
  }

  #bodyFor(texts: readonly string[]): { readonly body: string; readonly type: string } {
    const { form, chosen } = this.#service
    const isJson = chosen.format === 'json'
    if (isJson && form.isPlain) return { body: `{"items": [${texts.join(', ')}]}`, type: 'application/json' }
    const batch = { items: texts.map((text) => form.sent(parseJson(text), undefined)) }
    return isJson
      ? { body: printJson(batch), type: 'application/json' }
      : { body: printYaml(batch), type: 'application/yaml' }
  }

  async #ask(collection: string, signal: AbortSignal): Promise<boolean> {
    const reply = await this.#service.client.ask('OPTIONS', collection, { signal })
    reply.rest?.destroy()
    if (reply.status === 401 || reply.status === 403) throw refusal('OPTIONS', collection, reply)
    const allow = reply.headers['allow']
    return (
      isGood(reply) &&
      String(allow ?? '')
        .split(',')
        .some((method) => method.trim().toUpperCase() === 'PATCH')
    )
  }
}

/** Whether it may be for what one of the batch says; not for who asks, or because the service is busy or down. */
function mayBeOne({ status }: Reply): boolean {
  return (status >= 400 && status < 500 && ![401, 403, 407, 408, 425, 429].includes(status)) || status === 500
}
