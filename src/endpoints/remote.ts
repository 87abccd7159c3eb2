import { Readable } from 'node:stream'
import type { Static } from 'typebox'
import { ReplicationError } from '../errors.ts'
import { carriesAll, type PackageFile } from '../packages/manifest.ts'
import { Type } from '../resources/type.ts'
import type {
  EndpointContext,
  EndpointKind,
  MirrorsInParts,
  Receipt,
  Source,
  Target,
  TargetDelivery,
  TestStep,
} from './endpoint.ts'
import { tlsSchema, tlsSecrets } from './tls.ts'
import { HttpCaller, type Answer } from './http-caller.ts'
import { remoteHoldings } from './remote/holdings.ts'
import { remoteMirrors } from './remote/mirrors.ts'
import { carriedOf, namesOf, traceOf } from './remote/names.ts'
import { remoteSteps } from './remote/probe.ts'
import { sendUnlessThere } from './remote/send.ts'
import { zipOf } from './remote/upload.ts'
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
/** The same of the first question, and while the far command runs: between them we hear how far it is. */
const waitSecondsAtFirst = 2
const waitSecondsRunning = 3

/** The parts of a far command that a receipt is made of. */
interface FarCommand {
  readonly id: string
  readonly state: string
  readonly finishedAt?: string
  readonly delivery?: string
  readonly agents?: readonly FarAgent[]
}
interface FarError {
  readonly code?: string
  readonly detail: string
}
interface FarAgent {
  readonly package?: string
  readonly error?: FarError
  readonly targets?: readonly FarTarget[]
}
interface FarTarget {
  readonly target: string
  readonly state?: string
  readonly entries?: number
  readonly bytes?: number
  readonly error?: FarError
  readonly progress?: { readonly phase?: string; readonly entries?: number; readonly bytes?: number }
}

/**
 * Another server of this kind: the package travels to its agent's import, unless it is there already, and is delivered when the far command has
 * succeeded. The delivery's id is the idempotency key, so a repeat after a crash finds the command that the first try made.
 */
export const remote: EndpointKind<Options> = {
  name: 'remote',
  title: 'Another server',
  options,
  secrets: ['token', ...tlsSecrets],
  leads: ({ url }) => [{ at: '/url', url }],
  sends: true,
  target: (chosen, context) => new RemoteTarget(chosen, context),
  place: async ({ url, agent }) => ['remote', new URL(url).origin, agent],
}

/** The far server knows each key of the last day. */
const knownReceipts = 1000

class RemoteTarget implements Target {
  readonly remembers = knownReceipts
  readonly sends = true
  readonly takesDeltas = true
  readonly holdings: Source
  readonly mirrors: MirrorsInParts
  readonly #agent: string
  readonly #imports: string
  readonly #caller: HttpCaller

  constructor({ url, agent, token, tls }: Options, { installation, bounds }: EndpointContext) {
    this.#agent = agent
    this.#imports = `/replication/agent/${agent}/import`
    const headers = {
      'user-agent': `trebuchet (${installation})`,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    }
    this.#caller = new HttpCaller(new URL(url).origin, headers, { hosts: bounds?.hosts, tls })
    this.holdings = remoteHoldings(this.#caller, agent)
    this.mirrors = remoteMirrors({
      ...{ caller: this.#caller, imports: this.#imports },
      apply: (mirror, signal) => this.#deliver(mirror, mirror.parts.some(isDelta), signal),
    })
  }

  async apply(delivery: TargetDelivery, signal: AbortSignal): Promise<Receipt> {
    return this.#deliver(delivery, isDelta(delivery.package), signal)
  }

  /** `mayLack`: what is delivered, or what it lists, is not all there is of it. */
  async #deliver(delivery: TargetDelivery, mayLack: boolean, signal: AbortSignal): Promise<Receipt> {
    const accepted = await this.#send(delivery, signal)
    // What is known there already is answered before it is read.
    delivery.sent?.()
    const id = commandId(accepted)
    let command = await this.#command(id, delivery, signal, waitSecondsAtFirst)
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
    return this.#receipt(command, delivery, mayLack)
  }

  /** Unless it is there already, all of it, or what of an earlier try is not. */
  async #send(delivery: TargetDelivery, signal: AbortSignal): Promise<Answer> {
    // Answered as soon as it is there, and not when it is applied: others may wait to be answered the same.
    const place = { caller: this.#caller, path: this.#imports }
    const zip = await zipOf(delivery)
    try {
      return await sendUnlessThere(place, delivery, zip, () => this.#asked(delivery, signal), signal)
    } catch (error) {
      // An older server takes what lacks something for damaged.
      if (isDelta(delivery.package) && error instanceof ReplicationError && error.code === 'corrupt')
        throw new ReplicationError('incomplete', error.message, { final: true, cause: error })
      throw error
    }
  }

  /** The import by name alone, where the package is there already, with all that ours has; undefined when it is not. */
  async #asked(delivery: TargetDelivery, signal: AbortSignal): Promise<Answer | undefined> {
    const { package: pkg, paths } = delivery
    const body = Buffer.from(JSON.stringify({ package: pkg.id, ...(paths !== undefined && { paths }) }))
    try {
      return await this.#caller.call('POST', this.#imports, {
        signal,
        headers: {
          ...{ 'content-type': 'application/json', 'package-carries': carriedOf(pkg) },
          ...namesOf(delivery),
        },
        body: () => Readable.from([body]),
      })
    } catch (error) {
      // Whatever else is missing there is said again.
      if (error instanceof ReplicationError && error.code === 'missing') return undefined
      throw error
    }
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

  #receipt(command: FarCommand, delivery: TargetDelivery, mayLack: boolean): Receipt {
    const [agent] = command.agents ?? []
    if (command.state !== 'succeeded') {
      const wayOut = command.state === 'cancelled' ? 'somebody cancelled it there; skip or cancel it here' : undefined
      const reason =
        wayOut ?? agent?.error?.detail ?? agent?.targets?.find((target) => target.error !== undefined)?.error?.detail
      const message = `agent ${this.#agent} at ${this.#caller.origin} ended command ${command.id} as ${command.state}: ${reason ?? 'no reason given'}`
      if (mayLack && lacks(command)) throw new ReplicationError('incomplete', message, { final: true })
      throw new ReplicationError('rejected', message, { transient: command.state !== 'cancelled' })
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

function isDelta(pkg: PackageFile): boolean {
  return !carriesAll(pkg)
}

/** Whether some far target does not hold what it was said to hold. */
function lacks({ agents }: FarCommand): boolean {
  const errors = agents?.flatMap(({ error, targets = [] }) => [error, ...targets.map((target) => target.error)]) ?? []
  return errors.some((error) => error?.code === 'incomplete')
}

function commandId({ body }: Answer): string {
  const { id } = body as { id?: unknown }
  if (typeof id !== 'string' || !/^[0-9A-Z]{26}$/.test(id))
    throw new ReplicationError('rejected', 'the other server answered an import without a command id')
  return id
}
