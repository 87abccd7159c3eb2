import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Contender } from './contender.ts'
import { direct, Proxied, type Link } from './link.ts'
import { measure, type Entrant, type Outcome } from './measure.ts'
import { Ours, trebuchet } from './ours.ts'
import { busyIn } from './profiles.ts'
import { rivals, versionOf, type RivalPlace } from './rivals.ts'
import type { Result } from './result.ts'
import { tooLittleRoom } from './room.ts'
import { isEndless, isSlow, runsOf, type Scenario, type Way } from './scenarios.ts'
import { table } from './table.ts'

export interface Bench {
  /** An empty folder. */
  readonly folder: string
  readonly runs: number
  /** False measures the rivals alone. */
  readonly ours: boolean
  /** A folder for the CPU profiles of our servers. */
  readonly profiles?: string
  readonly loadBefore: number
  say(this: void, line: string): void
  /** What is to be closed if the bench is broken off. */
  readonly open: Set<{ close(): Promise<void> }>
}

interface Entry {
  readonly tool: string
  /** Whether there is anything between both sides that could be counted. */
  readonly isRemote: boolean
  readonly isFlushed: boolean
  readonly way: Way
  start(place: RivalPlace, profiles: string | undefined): Promise<Contender>
}

interface Round {
  readonly name: string
  readonly runs: number
  readonly profiles?: string
  link(this: void, entry: Entry): Link
}

const installed = rivals.map((rival) => ({ rival, version: versionOf(rival) }))

/** Answers the tables. */
export async function measureTrees(scenarios: readonly Scenario[], bench: Bench): Promise<string> {
  for (const { rival, version } of installed)
    if (version === undefined) bench.say(`${rival.name}: ${rival.program} is not installed`)
  const results: Result[] = []
  const leftOut: string[] = []
  for (const scenario of scenarios) {
    const reason = tooLittleRoom(scenario, entriesOf(scenario, bench), bench.runs, bench.folder)
    if (reason === undefined) results.push(await run(scenario, bench))
    else leftOut.push(reason)
  }
  for (const line of leftOut) bench.say(line)
  const versions = installed.map(
    ({ rival, version }) => version ?? `${rival.program} is not installed, and was left out`,
  )
  return table(results, { runs: bench.runs, loadBefore: bench.loadBefore, rivals: [...new Set(versions)], leftOut })
}

/** The timed runs; then, wherever nothing stood between both sides, one more through a proxy that counts, which takes time of its own. */
async function run(scenario: Scenario, bench: Bench): Promise<Result> {
  const folder = join(bench.folder, scenario.name)
  const [source, targets] = [join(folder, 'source'), join(folder, 'targets')]
  for (const each of [source, targets]) mkdirSync(each, { recursive: true })
  const bytes = scenario.tree.write(source)
  const compete = async (entries: readonly Entry[], round: Round): Promise<readonly Outcome[]> => {
    const entrants: Entrant[] = []
    const profiled = new Map<number, string>()
    for (const [index, entry] of entries.entries()) {
      const { tool, way, start } = entry
      const link = round.link(entry)
      bench.open.add(link)
      const own = join(folder, round.name, String(index))
      mkdirSync(own, { recursive: true })
      const profiles = round.profiles === undefined ? undefined : join(round.profiles, scenario.name, String(index))
      if (profiles !== undefined && tool === trebuchet) profiled.set(index, profiles)
      const contender = await start({ targets, folder: own, link }, profiles)
      bench.open.add(contender)
      entrants.push({ contender, way, link, runs: runsOf(scenario, tool, round.runs) })
    }
    const outcomes = await measure(scenario, entrants, { source, targets }, bench.say)
    for (const each of entrants.flatMap(({ contender, link }) => [contender, link])) {
      await each.close()
      bench.open.delete(each)
    }
    // They are written when a server ends.
    return outcomes.map((outcome, index) => withBusy(outcome, profiled.get(index)))
  }
  const entries = entriesOf(scenario, bench)
  const timed = await compete(entries, {
    name: 'timed',
    runs: scenario.memory === true ? 1 : bench.runs,
    ...(bench.profiles !== undefined && { profiles: bench.profiles }),
    link: ({ tool, way: { roundTripMs = isSlow(scenario, tool) ? 0 : undefined } }) =>
      roundTripMs === undefined ? direct : new Proxied(roundTripMs),
  })
  const uncounted = entries.filter(
    ({ tool, isRemote, isFlushed, way }) =>
      isRemote && !isFlushed && way.roundTripMs === undefined && !isSlow(scenario, tool),
  )
  if (scenario.memory === true || uncounted.length === 0) return { scenario, bytes, outcomes: timed }
  bench.say(`${scenario.name}: once more, only to count what goes over the wire`)
  const counted = await compete(uncounted, { name: 'counted', runs: 1, link: () => new Proxied(0) })
  return { scenario, bytes, outcomes: timed.map((outcome) => withBytes(outcome, counted)) }
}

/** Where the time went in the run that took the median of all, or the one before it. */
function withBusy(outcome: Outcome, profiles: string | undefined): Outcome {
  const sorted = outcome.samples.toSorted((one, other) => one.wallMs - other.wallMs)
  const { span, wallMs, servers } = sorted[Math.floor((sorted.length - 1) / 2)] ?? {}
  if (profiles === undefined || span === undefined || wallMs === undefined || servers === undefined) return outcome
  const roles = servers.map(({ role }) => role)
  return { ...outcome, busy: { wallMs, roles, ...busyIn(profiles, roles, span) } }
}

function withBytes(outcome: Outcome, counted: readonly Outcome[]): Outcome {
  const [{ wireBytes } = {}] =
    counted.find(({ contender, way }) => contender === outcome.contender && way === outcome.way)?.samples ?? []
  if (wireBytes === undefined) return outcome
  return { ...outcome, samples: outcome.samples.map((sample) => ({ ...sample, wireBytes })) }
}

/** On more than the plain way those alone that have a server there: a copy within the machine has no latency. */
function entriesOf(scenario: Scenario, { ours }: Bench): Entry[] {
  return scenario.ways.flatMap((way): Entry[] => [
    ...(ours ? [{ tool: trebuchet, isRemote: true, isFlushed: false, way, start: startOurs }] : []),
    ...(scenario.memory === true ? [] : installed)
      .filter(({ version }) => version !== undefined)
      .filter(({ rival }) => !isEndless(scenario, rival.name))
      .filter(({ rival }) => rival.isSync || scenario.state === 'cold')
      .filter(({ rival: { isRemote, isFlushed } }) => (isRemote && isFlushed !== true) || scenario.ways.length === 1)
      .map(({ rival: { name, isRemote, isFlushed = false, start } }) => ({
        tool: name,
        isRemote,
        isFlushed,
        way,
        start,
      })),
  ])
}

async function startOurs({ folder, link }: RivalPlace, profiles: string | undefined): Promise<Contender> {
  return Ours.start({ folder, link, ...(profiles !== undefined && { profiles }) })
}
