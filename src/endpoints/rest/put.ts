/** Writing one document, in whichever way its service takes it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseJson, printJson } from '../../documents/json.ts'
import { printYaml } from '../../documents/yaml.ts'
import { ReplicationError } from '../../errors.ts'
import { collectionOf } from './address.ts'
import { languageOf } from './body.ts'
import { differences } from './differences.ts'
import { digestOf } from './form.ts'
import { currentAt, languageAt, type Current, type Seen } from './look.ts'
import { mayRepeat, refusal, waitFor } from './patience.ts'
import type { Planned } from './plan.ts'
import { makeFolders } from './webdav.ts'
import { isGood, shown, type Reply } from './reply.ts'
import type { Service } from './service.ts'

export interface Written {
  readonly outcome: 'created' | 'updated' | 'unchanged'
  /** The service has said so itself; else it is to be looked at. */
  readonly isSure: boolean
}

/** A document that has turned out to be another than it shall be. */
export interface Due {
  readonly planned: Planned
  /** What is there now. */
  readonly current: Current | undefined
}

/** So often it may change under our hands. */
const maxConflicts = 3
const stale = '"trebuchet-asks-whether-this-counts"'

/** What has been learnt of a collection, and stays true. */
interface Manners {
  /** It takes new members by POST only. */
  posts?: boolean
  /** It refuses a write whose `If-Match` is not what it has. */
  honours?: Promise<boolean>
}

export class Putter {
  readonly #service: Service
  readonly #manners = new Map<string, Manners>()
  readonly #folders = new Map<string, Promise<void>>()

  constructor(service: Service) {
    this.#service = service
  }

  /** What there is to do, or undefined when it is as it shall be. */
  async due(planned: Planned, seen: Seen | undefined, signal: AbortSignal): Promise<Due | undefined> {
    if (seen === 'absent') return { planned, current: undefined }
    if (seen?.digest === planned.digest) return undefined
    const place = planned.hasUri ? planned.place : (seen?.uri ?? planned.place)
    const moved = place === planned.place ? planned : { ...planned, place }
    const current = await currentAt(this.#service, place, signal)
    return current?.digest === planned.digest ? undefined : { planned: moved, current }
  }

  async put(due: Due, text: string, signal: AbortSignal): Promise<Written> {
    let { current } = due
    const { planned } = due
    for (let conflicts = 0; ; conflicts++) {
      const outcome = current === undefined ? 'created' : 'updated'
      const { reply, isSure } =
        current === undefined
          ? await this.#create(planned, text, signal)
          : await this.#update(planned, text, current, signal)
      if (reply === undefined || isGood(reply)) {
        reply?.rest?.destroy()
        return { outcome, isSure: isSure || (reply !== undefined && this.#echoes(reply, planned, text)) }
      }
      if (reply.status !== 412 && (reply.status !== 409 || current === undefined))
        throw refusal('PUT', planned.place, reply)
      // Somebody was faster, or it was not as we thought.
      const now = await currentAt(this.#service, planned.place, signal)
      if (now?.digest === planned.digest) return { outcome: 'unchanged', isSure: true }
      if (conflicts === maxConflicts || (reply.status === 409 && now?.etag === current?.etag))
        throw refusal('PUT', planned.place, reply)
      current = now
    }
  }

  /** Throws `conflict` when the service has something else than was written, naming where they differ. */
  async confirm(
    planned: Planned,
    seen: Seen | undefined,
    text: () => Promise<string>,
    signal: AbortSignal,
  ): Promise<void> {
    if (typeof seen === 'object' && seen.digest === planned.digest) return
    const current = await currentAt(this.#service, planned.place, signal)
    if (current?.digest === planned.digest) return
    if (current === undefined)
      throw new ReplicationError(
        'conflict',
        `nothing is at ${shown(planned.place)} after it was written; the service may have given it another id`,
      )
    const { form } = this.#service
    const differ = differences(form.without(parseJson(await text())), form.received(current.value)).join(', ')
    throw new ReplicationError(
      'conflict',
      `${shown(planned.place)} holds something else, at ${differ}, after it was written; name in \`ignore\` what the service makes by itself, unless somebody else writes there`,
    )
  }

  /** The body of a request that writes it there. */
  bodyFor(text: string, current: Current | undefined, place: string): { readonly body: string; readonly type: string } {
    const { chosen, form } = this.#service
    const language = chosen.listing === 'webdav' ? languageAt(place) : chosen.format
    if (language === 'json' && form.isPlain) return { body: text, type: 'application/json' }
    const value = form.sent(parseJson(text), current?.value)
    return language === 'yaml'
      ? { body: printYaml(value), type: 'application/yaml' }
      : { body: `${printJson(value)}\n`, type: 'application/json' }
  }

  async #create(planned: Planned, text: string, signal: AbortSignal): Promise<Answered> {
    const manners = this.#mannersAt(planned.collection)
    if (manners.posts === true) return this.#post(planned, text, undefined, signal)
    const send = (): Promise<Reply> => this.#send(planned.place, text, undefined, { 'if-none-match': '*' }, signal)
    const reply = await send()
    if (isGood(reply) || ![404, 405, 409, 501].includes(reply.status)) return { reply, isSure: isExact(reply) }
    if (this.#service.chosen.listing === 'webdav') {
      await this.#makeFolders(planned.place, signal)
      const again = await send()
      return { reply: again, isSure: isExact(again) }
    }
    const posted = await this.#post(planned, text, reply, signal)
    if (posted.reply === undefined || isGood(posted.reply)) manners.posts = true
    return posted
  }

  /** `Location` need not be looked at: it is where it belongs, or else that will be found out. */
  async #post(planned: Planned, text: string, refused: Reply | undefined, signal: AbortSignal): Promise<Answered> {
    const { client, chosen } = this.#service
    const { collection } = planned
    const { body, type } = this.bodyFor(text, undefined, planned.place)
    for (let attempt = 1; ; attempt++) {
      let outcome: Reply | ReplicationError
      try {
        outcome = await client.ask('POST', collection, { signal, body, headers: headersFor(type), once: true })
      } catch (error) {
        if (!(error instanceof ReplicationError)) throw error
        outcome = error
      }
      if ('status' in outcome && isGood(outcome)) return { reply: outcome, isSure: false }
      if (mayRepeat(outcome, false)) {
        // It may have been done though no good answer came.
        const now = await currentAt(this.#service, planned.place, signal)
        if (now?.digest === planned.digest) return { reply: undefined, isSure: true }
        const waitMs = now === undefined && attempt < chosen.attempts ? waitFor(outcome, attempt) : undefined
        if (waitMs !== undefined) {
          await sleep(waitMs, undefined, { signal }).catch(() => signal.throwIfAborted())
          continue
        }
      }
      if (outcome instanceof ReplicationError) throw outcome
      if (refused !== undefined && [404, 405, 501].includes(outcome.status)) return { reply: refused, isSure: false }
      throw refusal('POST', collection, outcome)
    }
  }

  async #update(planned: Planned, text: string, current: Current, signal: AbortSignal): Promise<Answered> {
    const { etag } = current
    const unconditional = async (): Promise<Answered> => {
      const reply = await send({})
      return { reply, isSure: isExact(reply) }
    }
    const send = (headers: Record<string, string>): Promise<Reply> =>
      this.#send(planned.place, text, current, headers, signal)
    if (etag === undefined || etag.startsWith('W/')) return unconditional()
    const manners = this.#mannersAt(planned.collection)
    if (manners.honours === undefined) {
      // The first one asks whether a precondition counts, by one that is surely wrong: where it does not, it has written.
      const asked = send({ 'if-match': stale })
      manners.honours = asked.then(
        (reply) => reply.status === 412,
        () => false,
      )
      const reply = await asked
      if (reply.status !== 412) {
        if (!isGood(reply)) delete manners.honours
        return { reply, isSure: false }
      }
    }
    if (!(await manners.honours)) return unconditional()
    const reply = await send({ 'if-match': etag })
    return { reply, isSure: reply.body.length === 0 }
  }

  #send(
    place: string,
    text: string,
    current: Current | undefined,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<Reply> {
    const { body, type } = this.bodyFor(text, current, place)
    return this.#service.client.ask('PUT', place, { signal, body, headers: { ...headersFor(type), ...headers } })
  }

  /** Each folder is made once, however many files wait for it; one after the other, for they may lie in one that is missing too. */
  async #makeFolders(place: string, signal: AbortSignal): Promise<void> {
    const folder = collectionOf(place)
    let making = this.#folders.get(folder)
    if (making === undefined) {
      const before = [...this.#folders.values()]
      making = Promise.allSettled(before)
        .then(() => makeFolders(this.#service, place, signal))
        .finally(() => this.#folders.delete(folder))
      this.#folders.set(folder, making)
    }
    await making
  }

  /** `text`: what was sent, where that is what everybody has. */
  #echoes(reply: Reply, planned: Planned, text: string): boolean {
    if (reply.body.length === 0 || reply.rest !== undefined || languageOf(reply) !== 'json') return false
    if (this.#service.form.isPlain && reply.body.equals(Buffer.from(text))) return true
    try {
      return digestOf(this.#service.form.received(parseJson(reply.body.toString()))) === planned.digest
    } catch {
      return false
    }
  }

  #mannersAt(collection: string): Manners {
    let manners = this.#manners.get(collection)
    if (manners === undefined) this.#manners.set(collection, (manners = {}))
    return manners
  }
}

interface Answered {
  /** Undefined when no good answer came, and yet it is there. */
  readonly reply: Reply | undefined
  readonly isSure: boolean
}

/** A service that answers a PUT with a strong tag has kept what was sent, byte for byte (RFC 9110, 9.3.4); some tag their answers. */
function isExact({ headers, body }: Reply): boolean {
  return body.length === 0 && typeof headers['etag'] === 'string' && headers['etag'].startsWith('"')
}

function headersFor(type: string): Record<string, string> {
  return { 'content-type': type, prefer: 'return=representation' }
}
