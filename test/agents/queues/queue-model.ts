/**
 * What queues do, said again as simply as possible: lists in memory, one step after the other, nothing durable. The real ones are
 * held against it, step by step.
 */
import type { PackageId } from '../../../src/packages/manifest.ts'

export type Outcome = 'ok' | 'away' | 'refused'

/** From urgent to normal: the classes of priority that the agents of the test have, and none. */
export const classes = ['/alert', '/news']
const normal = 9

/** Of an agent with `onFailure: error-queue`. */
export const attemptsAllowed = 2

export interface Delivery {
  state: 'queued' | 'delivering' | 'retrying' | 'delivered' | 'failed' | 'skipped' | 'cancelled'
  attempts: number
  /** It has failed, and nobody has begun anew since. */
  error: boolean
  active: boolean
  /** Its next try is hours away. */
  later: boolean
  in: 'own' | 'errors' | undefined
  rank: number
}

export interface Command {
  readonly id: string
  readonly paths: readonly string[]
  /** Whether there is anything to make a package of. */
  readonly possible: boolean
  stage: 'preparing' | 'ready' | 'failed' | 'cancelled'
  pkg?: PackageId
  readonly at: Map<string, Delivery>
}

/** A delivery that has begun and not ended. */
export interface Try {
  readonly command: Command
  readonly epoch: number
}

export class Lane {
  readonly queue: string
  own: Command[] = []
  errors: Command[] = []
  paused = false
  diverged = false
  epoch = 0

  constructor(queue: string) {
    this.queue = queue
  }

  of(command: Command): Delivery {
    const found = command.at.get(this.queue)
    if (found === undefined) throw new Error(`${command.id} has nothing at ${this.queue}`)
    return found
  }

  take(command: Command): Delivery {
    const delivery = this.of(command)
    this.own = this.own.filter((one) => one !== command)
    this.errors = this.errors.filter((one) => one !== command)
    Object.assign(delivery, { in: undefined, later: false })
    return delivery
  }

  /** Behind all of its rank. */
  put(command: Command, rank = normal): void {
    Object.assign(this.of(command), { in: 'own', rank })
    const behind = this.own.findIndex((one) => this.of(one).rank > rank)
    this.own.splice(behind === -1 ? this.own.length : behind, 0, command)
  }

  putAside(command: Command): void {
    this.of(command).in = 'errors'
    this.errors.push(command)
  }
}

export class Agent {
  readonly name: string
  readonly errorQueue: boolean
  readonly lanes: readonly Lane[]
  readonly commands: Command[] = []
  paused = false

  constructor(name: string, errorQueue: boolean, queues: readonly string[]) {
    this.name = name
    this.errorQueue = errorQueue
    this.lanes = queues.map((queue) => new Lane(queue))
  }

  accept(id: string, paths: readonly string[], possible: boolean): Command {
    const command: Command = { id, paths, possible, stage: 'preparing', at: new Map() }
    this.commands.push(command)
    for (const lane of this.lanes) {
      const fresh = { attempts: 0, error: false, active: false, later: false, rank: normal }
      command.at.set(lane.queue, { ...fresh, state: 'queued', in: undefined })
      let rank = classOf(paths)
      for (const other of lane.own)
        if (share(other.paths, paths) && lane.of(other).rank > rank) rank = lane.of(other).rank
      lane.put(command, rank)
    }
    return command
  }

  exported(command: Command): void {
    if (command.stage !== 'preparing') return
    command.stage = command.possible ? 'ready' : 'failed'
    if (command.possible) return
    for (const lane of this.lanes)
      if (lane.of(command).in !== undefined) Object.assign(lane.take(command), { state: 'failed', error: true })
  }

  /** What the lane begins when it is looked at, if anything. */
  begin(lane: Lane): Try | undefined {
    const [head] = lane.own
    if (head === undefined) return undefined
    const dead = lane.own.find((one) => lane.of(one).active)
    if (dead !== undefined && (this.paused || lane.paused || (dead !== head && lane.of(head).rank < normal))) {
      const delivery = lane.of(dead)
      Object.assign(delivery, { active: false, state: delivery.error ? 'retrying' : 'queued' })
      lane.epoch++
      return undefined
    }
    const delivery = lane.of(head)
    if (this.paused || lane.paused || head.stage !== 'ready' || delivery.later) return undefined
    Object.assign(delivery, { active: true, state: delivery.error ? 'retrying' : 'delivering' })
    delivery.attempts++
    return { command: head, epoch: ++lane.epoch }
  }

  end(lane: Lane, { command, epoch }: Try, outcome: Outcome): void {
    if (lane.epoch !== epoch || !lane.of(command).active) return
    const delivery = lane.of(command)
    delivery.active = false
    if (outcome === 'ok') {
      Object.assign(lane.take(command), { state: 'delivered', error: false })
      return
    }
    delivery.error = true
    if (this.errorQueue && (outcome === 'refused' || delivery.attempts >= attemptsAllowed)) {
      Object.assign(lane.take(command), { state: 'failed' })
      lane.putAside(command)
    } else Object.assign(delivery, { state: 'retrying', later: true })
  }

  takeOut(lane: Lane, command: Command, state: 'cancelled' | 'skipped'): void {
    Object.assign(lane.take(command), { state })
    if (state === 'skipped') lane.diverged = true
  }

  move(lane: Lane, command: Command): void {
    if (lane.of(command).in === 'errors') {
      this.#anew(lane, command)
      return
    }
    Object.assign(lane.take(command), { state: 'failed', attempts: 0, error: true })
    lane.putAside(command)
  }

  cancel(command: Command): void {
    const early = command.stage === 'preparing'
    for (const lane of this.lanes) {
      const { in: place, active } = lane.of(command)
      if ((place === 'own' && !active) || (place === 'errors' && early)) this.takeOut(lane, command, 'cancelled')
    }
    if (early) command.stage = 'cancelled'
  }

  retry(command: Command): void {
    for (const lane of this.lanes) if (lane.of(command).state === 'failed') this.#anew(lane, command)
    if (command.stage === 'failed') command.stage = 'preparing'
  }

  #anew(lane: Lane, command: Command): void {
    Object.assign(lane.take(command), { state: 'queued', attempts: 0, error: false })
    lane.put(command)
  }
}

export function itemState(command: Command, { state, active }: Delivery): string {
  if (state === 'failed') return 'failed'
  if (command.stage === 'preparing') return 'preparing'
  if (active) return 'active'
  return state === 'retrying' ? 'retrying' : 'waiting'
}

/** In the order in which they are shown: what is in delivery comes first. */
export function shown(lane: Lane, items: readonly Command[]): [string, string, number][] {
  const active = items.filter((one) => lane.of(one).active && lane.of(one).in === 'own')
  const first = active.slice(0, 1)
  return [...first, ...items.filter((one) => one !== first[0])].map((one) => {
    const delivery = lane.of(one)
    return [one.id, itemState(one, delivery), delivery.attempts]
  })
}

export function queueState(agent: Agent, lane: Lane): string {
  if (agent.paused || lane.paused) return 'paused'
  const [head] = lane.own
  if (head === undefined) return 'idle'
  const { error, attempts, active } = lane.of(head)
  const failures = error ? attempts - (active ? 1 : 0) : 0
  if (failures >= 3) return 'blocked'
  return failures > 0 ? 'retrying' : 'running'
}

export function commandState({ stage, at }: Command): string {
  if (stage === 'preparing') return 'queued'
  if (stage !== 'ready') return stage
  const states = [...at.values()].map(({ state }) => state)
  if (states.includes('retrying')) return 'retrying'
  if (states.every((state) => state === 'queued')) return 'queued'
  if (states.some((state) => state === 'queued' || state === 'delivering')) return 'running'
  if (states.every((state) => state === 'delivered')) return 'succeeded'
  if (states.includes('delivered')) return 'partial'
  return states.includes('failed') ? 'failed' : 'cancelled'
}

/** How many items, and commands whose items may come back from an error queue, refer to the package. */
export function usesOf(commands: readonly Command[], pkg: PackageId): number {
  return commands.filter((one) => {
    const over = ['succeeded', 'partial', 'failed', 'cancelled'].includes(commandState(one))
    return one.pkg === pkg && (!over || [...one.at.values()].some(({ state }) => state === 'failed'))
  }).length
}

function classOf(paths: readonly string[]): number {
  const found = classes.findIndex((root) => paths.every((path) => isWithin(path, root)))
  return found === -1 ? normal : found
}

function share(some: readonly string[], others: readonly string[]): boolean {
  return some.some((one) => others.some((other) => isWithin(one, other) || isWithin(other, one)))
}

function isWithin(path: string, root: string): boolean {
  return `${path}/`.startsWith(`${root}/`)
}
