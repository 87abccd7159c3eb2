import assert from 'node:assert/strict'
import fc from 'fast-check'
import { deliverHead } from '../../../src/agents/work/deliveries.ts'
import { clearLane, moveItem, removeItem, retryHead, skipItem } from '../../../src/agents/queues/item-verbs.ts'
import { cancel, pause, resume, retry } from '../../../src/agents/commands/operate.ts'
import { ReplicationError } from '../../../src/errors.ts'
import type { Given } from '../given-engine.ts'
import type { Agent, Command, Lane, Outcome, Try } from './queue-model.ts'

export interface Model {
  readonly agents: readonly Agent[]
}

export interface Real {
  readonly given: Given
  /** The short name of a target, by its queue. */
  readonly targets: ReadonlyMap<string, string>
  /** Under this lies what there is to replicate, one file a path. */
  readonly root: string
  /** Deliveries that have begun, and hang. */
  readonly held: { agent: Agent; lane: Lane; tried: Try; finish: (outcome: Outcome) => Promise<void> }[]
  /** Holds the queues against the model. */
  compare(model: Model): Promise<void>
}

type Step = fc.AsyncCommand<Model, Real>
const by = { actor: 'ann', reason: 'because' }
const signal = new AbortController().signal
const failures: Readonly<Record<Exclude<Outcome, 'ok'>, ReplicationError>> = {
  away: new ReplicationError('unavailable', 'the target is away'),
  refused: new ReplicationError('corrupt', 'the target will not have it'),
}

function step(name: string, run: (model: Model, real: Real) => Promise<void>): Step {
  return {
    check: () => true,
    run: async (model, real) => {
      await run(model, real)
      await real.compare(model)
    },
    toString: () => name,
  }
}

function laneAt(model: Model, n: number): { agent: Agent; lane: Lane } {
  const lanes = model.agents.flatMap((agent) => agent.lanes.map((lane) => ({ agent, lane })))
  return lanes[n % lanes.length] as { agent: Agent; lane: Lane }
}

/** Rather one whose head may go. */
function busyLaneAt(model: Model, n: number): { agent: Agent; lane: Lane } {
  const lanes = model.agents.flatMap((agent) => agent.lanes.map((lane) => ({ agent, lane })))
  const busy = lanes.filter(({ lane }) => lane.own[0]?.stage === 'ready' && !lane.of(lane.own[0]).later)
  return busy[n % busy.length] ?? laneAt(model, n)
}

/** Rather one in which something is in delivery: that is where verbs must wait. */
function hungLaneAt(model: Model, n: number): { agent: Agent; lane: Lane } {
  const lanes = model.agents.flatMap((agent) => agent.lanes.map((lane) => ({ agent, lane })))
  const hung = lanes.filter(({ lane }) => lane.own.some((command) => lane.of(command).active))
  return (n % 2 === 0 ? hung[n % Math.max(1, hung.length)] : undefined) ?? laneAt(model, n)
}

/** One command of an agent, rather a new one; undefined when it has none. */
function commandAt({ commands }: Agent, n: number): Command | undefined {
  return commands[commands.length - 1 - (n % Math.max(1, commands.length))]
}

/** Rather one whose item is where it is looked for, and there the head or what is in delivery. */
function itemAt(agent: Agent, lane: Lane, place: 'own' | 'errors', n: number): Command | undefined {
  const active = place === 'own' ? lane.own.find((command) => lane.of(command).active) : undefined
  if (active !== undefined && n % 2 === 0) return active
  const items = lane[place]
  return (n % 3 === 0 ? undefined : items[n % Math.max(1, items.length)]) ?? commandAt(agent, n)
}

function accept(n: number, paths: readonly string[], ready: boolean): Step {
  return step(`accept(${n}, ${paths.join()}${ready ? ', and export' : ''})`, async ({ agents }, { given, root }) => {
    const agent = agents[n % agents.length] as Agent
    const at = paths.map((path) => `${root}${path}`)
    const { id } = await given.ask({ agents: [agent.name], at })
    const command = agent.accept(id, paths, !paths.includes('/nothing'))
    if (!ready) return
    await given.export({ id }, agent.name)
    agent.exported(command)
  })
}

function exported(n: number): Step {
  return step(`export(${n})`, async ({ agents }, { given }) => {
    const waiting = agents.flatMap((agent) =>
      agent.commands.filter(({ stage }) => stage === 'preparing').map((command) => ({ agent, command })),
    )
    const chosen = waiting[n % Math.max(1, waiting.length)]
    if (chosen === undefined) return
    await given.export(chosen.command, chosen.agent.name)
    chosen.agent.exported(chosen.command)
  })
}

function deliver(n: number, outcome: Outcome): Step {
  return step(`deliver(${n}, ${outcome})`, async (model, real) => {
    const { agent, lane } = busyLaneAt(model, n)
    const tried = agent.begin(lane)
    real.given.gate(real.targets.get(lane.queue) ?? '', async () => {
      if (outcome !== 'ok') throw failures[outcome]
    })
    await deliverHead(real.given.parts, { agent: agent.name, queue: lane.queue }, signal)
    if (tried !== undefined) agent.end(lane, tried, outcome)
  })
}

/** A delivery that begins and hangs, as that of a server that stands still; others may take the lane over meanwhile. */
function stall(n: number): Step {
  return step(`stall(${n})`, async (model, { given, targets, held }) => {
    const { agent, lane } = busyLaneAt(model, n)
    const tried = agent.begin(lane)
    let begun = (): void => undefined
    let finish = (_: Outcome): void => undefined
    const started = new Promise<void>((resolve) => (begun = resolve))
    const finished = new Promise<Outcome>((resolve) => (finish = resolve))
    given.gate(targets.get(lane.queue) ?? '', async () => {
      begun()
      const outcome = await finished
      if (outcome !== 'ok') throw failures[outcome]
    })
    const ending = deliverHead(given.parts, { agent: agent.name, queue: lane.queue }, signal)
    if (tried === undefined) {
      await ending
      return
    }
    await Promise.race([started, ending])
    const end = async (outcome: Outcome): Promise<void> => {
      finish(outcome)
      await ending
    }
    held.push({ agent, lane, tried, finish: end })
  })
}

/** One that hung goes on: it is heard only if nobody has taken the lane over. */
function goOn(n: number, outcome: Outcome): Step {
  return step(`goOn(${n}, ${outcome})`, async (_, { held }) => {
    const [one] = held.splice(n % Math.max(1, held.length), 1)
    if (one === undefined) return
    await one.finish(outcome)
    one.agent.end(one.lane, one.tried, outcome)
  })
}

const verbs = ['remove', 'skip', 'move'] as const

/** A verb on one item, wherever it is: in the queue, in delivery, in the error queue, or no longer anywhere. */
function decide(verb: (typeof verbs)[number], n: number, m: number, place: 'own' | 'errors'): Step {
  return step(`${verb}(${n}, ${m}, ${place})`, async (model, { given: { parts } }) => {
    const { agent, lane } = hungLaneAt(model, n)
    const command = itemAt(agent, lane, place, m)
    if (command === undefined) return
    const from = { agent: agent.name, queue: place === 'own' ? lane.queue : `error-${lane.queue}` }
    const to = place === 'own' ? `error-${lane.queue}` : lane.queue
    const act = { remove: removeItem, skip: skipItem }
    const asked = verb === 'move' ? moveItem(parts, from, command.id, to, by) : act[verb](parts, from, command.id, by)
    const delivery = lane.of(command)
    if (delivery.in !== place) return assert.rejects(asked, { code: 'missing' })
    if (delivery.active) return assert.rejects(asked, { code: 'conflict' })
    await asked
    if (verb === 'move') agent.move(lane, command)
    else agent.takeOut(lane, command, verb === 'skip' ? 'skipped' : 'cancelled')
  })
}

function clear(n: number, place: 'own' | 'errors'): Step {
  return step(`clear(${n}, ${place})`, async (model, { given }) => {
    const { agent, lane } = hungLaneAt(model, n)
    const queue = place === 'own' ? lane.queue : `error-${lane.queue}`
    const items = lane[place].filter((command) => !lane.of(command).active)
    assert.equal(await clearLane(given.parts, { agent: agent.name, queue }, by), items.length)
    for (const command of items) agent.takeOut(lane, command, 'cancelled')
  })
}

function hasten(n: number): Step {
  return step(`retryNow(${n})`, async (model, { given }) => {
    const { agent, lane } = hungLaneAt(model, n)
    await retryHead(given.parts, { agent: agent.name, queue: lane.queue }, by)
    const [head] = lane.own
    if (head !== undefined && !lane.of(head).active) lane.of(head).later = false
  })
}

/** Of one queue, or of the whole agent. */
function standStill(verb: 'pause' | 'resume', n: number, whole: boolean): Step {
  return step(`${verb}(${n}, ${whole ? 'agent' : 'queue'})`, async (model, { given }) => {
    const { agent, lane } = laneAt(model, n)
    const act = verb === 'pause' ? pause : resume
    await act(given.parts, await given.parts.roster.get(agent.name), whole ? undefined : lane.queue, 'ann')
    Object.assign(whole ? agent : lane, { paused: verb === 'pause' })
  })
}

function ofCommand(verb: 'cancel' | 'retry', n: number, m: number): Step {
  return step(`${verb}Command(${n}, ${m})`, async ({ agents }, { given }) => {
    const agent = agents[n % agents.length] as Agent
    const command = commandAt(agent, m)
    if (command === undefined) return
    await (verb === 'cancel' ? cancel : retry)(given.parts, command.id, 'ann')
    agent[verb](command)
  })
}

const some = fc.nat(7)
const few = fc.nat(3)
const one = fc.constantFrom('/content/a', '/content/a/b', '/content', '/news/a', '/news', '/alert/a')
const paths = fc.oneof(
  { weight: 9, arbitrary: fc.uniqueArray(one, { minLength: 1, maxLength: 2 }) },
  { weight: 1, arbitrary: one.map((path) => [path, '/nothing']) },
)
const outcome = fc.constantFrom<Outcome[]>('ok', 'ok', 'away', 'away', 'refused')
const place = fc.constantFrom<('own' | 'errors')[]>('own', 'errors')

const verb = fc.constantFrom(...verbs)
const standing = fc.constantFrom<('pause' | 'resume')[]>('pause', 'resume', 'resume')
const whole = fc.constantFrom<('cancel' | 'retry')[]>('cancel', 'retry')

const ready = fc.constantFrom(true, true, false)

const accepting: fc.Arbitrary<Step> = fc.tuple(fc.nat(1), paths, ready).map((given) => accept(...given))
const exporting: fc.Arbitrary<Step> = few.map(exported)
const delivering: fc.Arbitrary<Step> = fc.tuple(few, outcome).map((given) => deliver(...given))
const stalling: fc.Arbitrary<Step> = few.map(stall)
const goingOn: fc.Arbitrary<Step> = fc.tuple(few, outcome).map((given) => goOn(...given))
const deciding: fc.Arbitrary<Step> = fc.tuple(verb, few, some, place).map((given) => decide(...given))
const clearing: fc.Arbitrary<Step> = fc.tuple(few, place).map((given) => clear(...given))
const hastening: fc.Arbitrary<Step> = few.map(hasten)
const pausing: fc.Arbitrary<Step> = fc.tuple(standing, few, fc.boolean()).map((given) => standStill(...given))
const ending: fc.Arbitrary<Step> = fc.tuple(whole, fc.nat(1), some).map((given) => ofCommand(...given))

/** Those that stand several times come more often. */
export const steps: fc.Arbitrary<Step>[] = [
  ...[accepting, accepting, accepting, exporting],
  ...[delivering, delivering, delivering, delivering, delivering, stalling, stalling, goingOn],
  ...[deciding, deciding, deciding, clearing, hastening, hastening, pausing, ending],
]
