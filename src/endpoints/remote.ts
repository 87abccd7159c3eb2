import { createReadStream } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import type { Static } from 'typebox'
import { ReplicationError } from '../errors.ts'
import { Type } from '../resources/type.ts'
import type { EndpointContext, EndpointKind, Receipt, Source, Target, TargetDelivery, TestStep } from './endpoint.ts'
import { tlsSchema, tlsSecrets } from './tls.ts'
import { HttpCaller, type Answer } from './http-caller.ts'
import { remoteHoldings } from './remote/holdings.ts'
import { remoteSteps } from './remote/probe.ts'
import { stepsOfAll } from './step.ts'

const options = Type.Object(
  {
    url: Type.String({
      format: 'uri',
      pattern: '^https?://[^/?#]+/?$',
      description: 'Origin of the other server, without a prefix: https://publish.example',
    }),
    agent: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$', description: 'Agent there that imports.' }),
    token: Type.Optional(Type.String({ minLength: 1, description: 'Sent as a bearer token.' })),
    tls: Type.Optional(tlsSchema),
  },
  { additionalProperties: false },
)
type Options = Static<typeof options>

/** Seconds that one question waits for the far command's end; the next follows at once. Proxies cut at 30 or 60. */
const waitSeconds = 25
/** The same of the import itself, and while the far command runs: between them we hear how far it is. */
const waitSecondsAtFirst = 2
const waitSecondsRunning = 3

/** Read and sent at a time: the default of 64 KiB costs a turn of the loop sixteen times as often. */
const chunkBytes = 1024 * 1024

/** The parts of a far command that a receipt is made of. */
interface FarCommand {
  readonly id: string
  readonly state: string
  readonly finishedAt?: string
  readonly delivery?: string
  readonly agents?: readonly FarAgent[]
}
interface FarAgent {
  readonly package?: string
  readonly error?: { readonly detail: string }
  readonly targets?: readonly FarTarget[]
}
interface FarTarget {
  readonly target: string
  readonly state?: string
  readonly entries?: number
  readonly bytes?: number
  readonly error?: { readonly detail: string }
  readonly progress?: { readonly phase?: string; readonly entries?: number; readonly bytes?: number }
}

/**
 * Another server of this kind: the package travels whole to its agent's import, and is delivered when the far command has
 * succeeded. The delivery's id is the idempotency key, so a repeat after a crash finds the command that the first try made.
 */
export const remote: EndpointKind<Options> = {
  name: 'remote',
  title: 'Another server',
  options,
  secrets: ['token', ...tlsSecrets],
  leads: ({ url }) => [{ at: '/url', url }],
  target: (chosen, context) => new RemoteTarget(chosen, context),
  place: async ({ url, agent }) => ['remote', new URL(url).origin, agent],
}

/** The far server knows each key of the last day. */
const knownReceipts = 1000

class RemoteTarget implements Target {
  readonly remembers = knownReceipts
  readonly sends = true
  readonly holdings: Source
  readonly #agent: string
  readonly #caller: HttpCaller

  constructor({ url, agent, token, tls }: Options, { installation, bounds }: EndpointContext) {
    this.#agent = agent
    const headers = {
      'user-agent': `trebuchet (${installation})`,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    }
    this.#caller = new HttpCaller(new URL(url).origin, headers, { hosts: bounds?.hosts, tls })
    this.holdings = remoteHoldings(this.#caller, agent)
  }

  async apply(delivery: TargetDelivery, signal: AbortSignal): Promise<Receipt> {
    const { type, length, body } = await uploadOf(delivery)
    const accepted = await this.#caller.call('POST', `/replication/agent/${this.#agent}/import`, {
      signal,
      headers: {
        'content-type': type,
        'content-length': String(length),
        'idempotency-key': delivery.id,
        'package-id': delivery.package.id,
        'package-delivery': delivery.id,
        'package-lane': delivery.lane,
        'package-epoch': String(delivery.epoch),
        prefer: `wait=${waitSecondsAtFirst}`,
        ...traceOf(delivery),
      },
      body: () => body().once('end', () => delivery.sent?.()),
    })
    // What is known there already is answered before it is read.
    delivery.sent?.()
    const id = commandId(accepted)
    let command = await this.#command(id, delivery, signal)
    // A repeat finds what an earlier try came to: what failed there is tried again there, by the same command.
    if (
      accepted.headers['idempotent-replayed'] === 'true' &&
      (command.state === 'failed' || command.state === 'partial')
    ) {
      await this.#caller.call('POST', `/replication/commands/${id}/retry`, { signal, headers: traceOf(delivery) })
      command = await this.#command(id, delivery, signal)
    }
    while (['queued', 'running', 'retrying'].includes(command.state)) {
      tellFar(command, delivery)
      const wait = command.state === 'running' ? waitSecondsRunning : waitSeconds
      command = await this.#command(id, delivery, signal, wait)
    }
    return this.#receipt(command, delivery)
  }

  test(signal: AbortSignal): AsyncGenerator<TestStep, void, void> {
    return stepsOfAll(remoteSteps(this.#caller, this.#agent, signal), signal)
  }

  async #command(id: string, delivery: TargetDelivery, signal: AbortSignal, wait = 0): Promise<FarCommand> {
    const { body } = await this.#caller.call('GET', `/replication/commands/${id}`, {
      signal,
      headers: { ...traceOf(delivery), ...(wait > 0 && { prefer: `wait=${wait}` }) },
    })
    return body as FarCommand
  }

  #receipt(command: FarCommand, delivery: TargetDelivery): Receipt {
    const [agent] = command.agents ?? []
    if (command.state !== 'succeeded') {
      const wayOut = command.state === 'cancelled' ? 'somebody cancelled it there; skip or cancel it here' : undefined
      const reason =
        wayOut ?? agent?.error?.detail ?? agent?.targets?.find((target) => target.error !== undefined)?.error?.detail
      throw new ReplicationError(
        'rejected',
        `agent ${this.#agent} at ${this.#caller.origin} ended command ${command.id} as ${command.state}: ${reason ?? 'no reason given'}`,
        { transient: command.state !== 'cancelled' },
      )
    }
    if (agent?.package === undefined || command.delivery === undefined)
      throw new ReplicationError('rejected', `${this.#caller.origin} gave no receipt for ${delivery.id}`)
    return {
      delivery: command.delivery,
      package: agent.package,
      entries: Math.max(0, ...(agent.targets ?? []).map((target) => target.entries ?? 0)),
      bytes: Math.max(0, ...(agent.targets ?? []).map((target) => target.bytes ?? 0)),
      appliedAt: command.finishedAt ?? new Date().toISOString(),
      detail: { command: command.id },
    }
  }
}

/** How far the slowest of the far targets is. */
function tellFar({ agents }: FarCommand, { progress }: TargetDelivery): void {
  const far = (agents?.[0]?.targets ?? []).map(({ state, entries, bytes, progress: its }) => {
    const is = state === 'delivered' ? { entries, bytes } : its?.phase === 'applying' ? its : {}
    return { entries: is.entries ?? 0, bytes: is.bytes ?? 0 }
  })
  const [slowest] = far.toSorted((one, other) => one.bytes - other.bytes || one.entries - other.entries)
  if (slowest !== undefined) progress?.(slowest.entries, slowest.bytes)
}

/** The file, telling how much of it has been read for sending. */
async function* toldOf(file: string, of: number, progress: TargetDelivery['progress']): AsyncGenerator<Uint8Array> {
  let sent = 0
  for await (const chunk of createReadStream(file, { highWaterMark: chunkBytes }) as AsyncIterable<Uint8Array>) {
    yield chunk
    progress?.(0, (sent += chunk.length), { of })
  }
}

/** The zip as it is; where only a part of it shall be applied, a form that says so before the zip. */
async function uploadOf(delivery: TargetDelivery): Promise<{ type: string; length: number; body: () => Readable }> {
  const { file } = delivery.package
  const { size } = await stat(file)
  const whole = (): Readable =>
    // What is sent at once tells nothing on its way.
    size <= chunkBytes
      ? createReadStream(file, { highWaterMark: chunkBytes })
      : Readable.from(toldOf(file, size, delivery.progress), { objectMode: false })
  if (delivery.paths === undefined) return { type: 'application/zip', length: size, body: whole }
  const boundary = `part-${randomUUID()}`
  const before = Buffer.from(
    `--${boundary}\r\ncontent-disposition: form-data; name="document"\r\ncontent-type: application/json\r\n\r\n` +
      `${JSON.stringify({ paths: delivery.paths })}\r\n--${boundary}\r\n` +
      'content-disposition: form-data; name="package"; filename="package.zip"\r\ncontent-type: application/zip\r\n\r\n',
  )
  const after = Buffer.from(`\r\n--${boundary}--\r\n`)
  return {
    type: `multipart/form-data; boundary=${boundary}`,
    length: before.length + size + after.length,
    body: () =>
      Readable.from(
        (async function* () {
          yield before
          yield* whole() as AsyncIterable<Buffer>
          yield after
        })(),
        { objectMode: false },
      ),
  }
}

function commandId({ body }: Answer): string {
  const { id } = body as { id?: unknown }
  if (typeof id !== 'string' || !/^[0-9A-Z]{26}$/.test(id))
    throw new ReplicationError('rejected', 'the other server answered an import without a command id')
  return id
}

function traceOf({ traceparent }: TargetDelivery): Record<string, string> {
  return traceparent === undefined ? {} : { traceparent }
}
