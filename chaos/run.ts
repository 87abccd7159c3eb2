import { setTimeout as pause } from 'node:timers/promises'
import type { Command } from '../test/end-to-end/views.ts'
import { inject, type Injected } from './faults.ts'
import { Follower } from './follower.ts'
import { Installation, type Engine, type Place } from './installation.ts'
import { follow, Journal } from './journals.ts'
import { planOf } from './plan.ts'
import { filesOf, isThere, Reader } from './reader.ts'
import { flag, moveBack, sendErrors, sendPages, sendStream, type Sent } from './senders.ts'
import {
  judge,
  judgeAcceptance,
  longestRecovery,
  type Evidence,
  type FarCommand,
  type Recovery,
  type Verdict,
} from './verdict.ts'

export interface Options {
  readonly engine: Engine
  readonly minutes: number
  readonly seed: number
  /** A new one, in which all of it happens. */
  readonly folder: string
  readonly tell: (line: string) => void
}

export interface Result {
  readonly faults: readonly Injected[]
  /** Connections that broke on the way. */
  readonly broken: number
  readonly accepted: number
  /** Calls that had to be made again until they were answered. */
  readonly repeatedCalls: number
  /** Each accepted command, at each target. */
  readonly expected: number
  readonly delivered: number
  readonly absorbed: number
  readonly looks: number
  readonly recovery: Recovery
  /** Sentences about what must not be. */
  readonly lost: readonly string[]
  readonly reordered: readonly string[]
  readonly duplicated: readonly string[]
  readonly torn: readonly string[]
  /** Servers that ended by themselves, events that were missing. */
  readonly other: readonly string[]
}

/** Without a delivery for so long, once nothing is wrong any more, nothing more is waited for. */
const patienceMs = 180_000

export async function run({ engine, minutes, seed, folder, tell }: Options): Promise<Result> {
  const installation = await Installation.start(engine, folder)
  try {
    return await storm(installation, engine, minutes, seed, tell)
  } finally {
    await installation.close()
  }
}

async function storm(
  installation: Installation,
  engine: Engine,
  minutes: number,
  seed: number,
  tell: (line: string) => void,
): Promise<Result> {
  const { authors, publisher, places, clients, direct, publisherDirect } = installation
  const sent: Sent[] = []
  let [stormIsOver, allIsOver] = [false, false]
  const senders = Promise.all(
    [sendStream, sendPages, sendErrors].map((send) =>
      send(
        installation,
        () => stormIsOver,
        (one) => sent.push(one),
      ),
    ),
  )
  // Looked at below; the storm goes on until then.
  senders.catch(() => undefined)
  const reader = new Reader(places)
  const journals = places.map((place) => new Journal(place))
  const follower = new Follower(authors.map(({ origin }) => origin))
  const watchers = Promise.all([
    reader.run(() => allIsOver),
    follow(journals, () => allIsOver),
    follower.run(() => allIsOver),
  ])
  watchers.catch(() => undefined)
  const faults = await inject(installation, planOf(engine, seed, minutes * 60_000), tell)
  stormIsOver = true
  await senders
  tell(`the storm is over; ${sent.length} commands were accepted`)
  await settle(installation, () => journals.reduce((sum, { receipts }) => sum + receipts.length, 0))
  const commands = await direct.list<Command>('/commands')
  await until(() => {
    const ended = new Set(follower.events.filter(isEnd).map(({ data }) => data['command']))
    return sent.every(({ id }) => ended.has(id))
  })
  allIsOver = true
  await watchers
  const evidence: Evidence = {
    ...{ sent, events: follower.events },
    commands: new Map(commands.map((command) => [command.id, command])),
    farCommands: await publisherDirect.list<FarCommand>('/commands'),
  }
  const verdicts = journals.map((journal) => judge(journal, evidence))
  const all = (what: 'lost' | 'reordered' | 'duplicated'): string[] => verdicts.flatMap((verdict) => verdict[what])
  const sum = (what: 'delivered' | 'absorbed'): number => verdicts.reduce((n, verdict: Verdict) => n + verdict[what], 0)
  const wrongNow = places.flatMap((place) => wrongAt(place, reader, sent))
  return {
    ...{ faults, accepted: sent.length, expected: sent.length * 2 },
    broken: [...installation.doors, installation.publisherDoor].reduce((n, { broken }) => n + broken, 0),
    repeatedCalls: clients.repeated,
    ...{ delivered: sum('delivered'), absorbed: sum('absorbed'), looks: reader.looks },
    recovery: longestRecovery(faults, places, evidence),
    lost: [...all('lost'), ...wrongNow],
    reordered: [...all('reordered'), ...reader.backwards],
    duplicated: [
      ...all('duplicated'),
      ...['stream', 'pages', 'errors'].flatMap((agent) => judgeAcceptance(agent, evidence)),
    ],
    torn: reader.torn,
    other: [...[...authors, publisher].flatMap(({ misdeeds }) => misdeeds), ...follower.gaps],
  }
}

function isEnd({ type }: { readonly type: string }): boolean {
  return type === 'command.finished'
}

/** Moves back what was given up, until nothing waits anywhere, or nothing gets on. */
async function settle({ direct }: Installation, progress: () => number): Promise<void> {
  let before = -1
  let movedAt = performance.now()
  while (performance.now() - movedAt < patienceMs) {
    await moveBack(direct)
    const { body } = await direct.insist<{ items: { queues: { size: number }[] }[] }>('GET', '/agent')
    if (body.items.every(({ queues }) => queues.every(({ size }) => size === 0))) return
    if (progress() !== before) movedAt = performance.now()
    before = progress()
    await pause(300)
  }
}

async function until(done: () => boolean): Promise<void> {
  for (const from = performance.now(); !done() && performance.now() - from < patienceMs;) await pause(300)
}

/** Sentences about what a target does not hold as it should in the end. */
function wrongAt(place: Place, reader: Reader, sent: readonly Sent[]): string[] {
  const numbers = sent.filter(({ agent }) => agent === place.agent).map(({ number }) => number)
  const at = `${place.agent}/${place.target}`
  if (place.agent === 'errors')
    return numbers.filter((number) => !isThere(place, number)).map((number) => `${at} has not what is in ${number}`)
  const every = place.agent === 'stream' ? 4 : 3
  const deletes = (number: number): boolean => number % every === 2
  const putsFlag = (number: number): boolean => (every === 4 ? number % every === 0 : !deletes(number))
  const last = numbers.findLast((number) => !deletes(number))
  const lastFlag = numbers.findLast((number) => deletes(number) || putsFlag(number))
  return filesOf(place).flatMap((path) => {
    const shall = path !== flag ? last : lastFlag !== undefined && putsFlag(lastFlag) ? lastFlag : undefined
    const is = reader.look(place, path)
    return is === shall ? [] : [`${at}: ${path} is ${is ?? 'gone'} in the end, and should be ${shall ?? 'gone'}`]
  })
}
