import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { change } from './changes.ts'
import type { Contender, Sample, Work } from './contender.ts'
import type { Link } from './link.ts'
import type { Busy } from './profiles.ts'
import { fewFiles, type Scenario, type Way } from './scenarios.ts'
import { verifyEqual } from './verify.ts'

/** A contender on one way. */
export interface Entrant {
  readonly contender: Contender
  readonly way: Way
  readonly link: Link
  readonly runs: number
}

/** The samples of one entrant, in the order of the runs. */
export interface Outcome {
  readonly contender: string
  readonly way: Way
  readonly samples: readonly Sample[]
  /** Of one of them, where it was profiled. */
  readonly busy?: Busy & { readonly wallMs: number; readonly roles: readonly string[] }
}

export interface Place {
  /** Holds the scenario's tree. */
  readonly source: string
  /** Where each entrant, and each cold run, gets folders that are new and empty. */
  readonly targets: string
}

/** What was changed so lately is read at every look; so long it takes until it is not. */
const settleMs = 3000

/**
 * Every entrant once, then every one again, so that whatever else the machine does falls on all of them alike. What
 * the run before left to the disk is written before the next begins. The first copy of each is compared byte by byte, and so is
 * the first that puts the changes back.
 */
export async function measure(
  scenario: Scenario,
  entrants: readonly Entrant[],
  place: Place,
  say: (line: string) => void,
): Promise<readonly Outcome[]> {
  const taken = new Map(entrants.map((entrant): [Entrant, Sample[]] => [entrant, []]))
  const take = async (entrant: Entrant, work: Work): Promise<void> => {
    const samples = taken.get(entrant) ?? []
    const sample = await measured(entrant, work)
    samples.push(sample)
    const run = `run ${samples.length} of ${entrant.runs}`
    say(`${scenario.name}, ${run}: ${titleOf(entrant)} took ${(sample.wallMs / 1000).toFixed(2)} s`)
    if (samples.length === 1) verify(scenario, work)
  }
  await (scenario.state === 'cold' ? takeCold : takeKept)(scenario, entrants, place, take)
  return entrants.map((entrant) => ({
    contender: entrant.contender.name,
    way: entrant.way,
    samples: taken.get(entrant) ?? [],
  }))
}

type Take = (entrant: Entrant, work: Work) => Promise<void>

async function takeCold(scenario: Scenario, entrants: readonly Entrant[], place: Place, take: Take): Promise<void> {
  for (let run = 0; run < runsOfAll(entrants); run++)
    for (const entrant of entrants.filter(({ runs }) => run < runs)) {
      const targets = newTargets(place, entrant.way)
      await take(entrant, { from: place.source, targets, state: 'new' })
      // A file system without a journal (ext4) takes no inode again for half a minute after its deletion, and looks at
      // each of them when a file is created: a copy of many files must not come soon after the removal of as many.
      if (scenario.tree.files < fewFiles) for (const target of targets) rmSync(target, { recursive: true })
    }
}

/** All entrants see the same source, changed once for all of them. */
async function takeKept(scenario: Scenario, entrants: readonly Entrant[], place: Place, take: Take): Promise<void> {
  const works = entrants.map((entrant): readonly [Entrant, Work] => [
    entrant,
    { from: place.source, targets: newTargets(place, entrant.way), state: 'kept' },
  ])
  await sleep(settleMs)
  for (const [{ contender }, work] of works) await (contender.prime?.(work) ?? contender.copy(work))
  for (let run = 0; run < runsOfAll(entrants); run++) {
    // A webdav tells times to the second: what changes within that of a copy is taken for what was copied.
    if (scenario.state === 'changed') await sleep(settleMs)
    const putBack = scenario.state === 'changed' ? change(place.source, run) : undefined
    if (putBack !== undefined) await sleep(settleMs)
    for (const [entrant, work] of works) if (run < entrant.runs) await take(entrant, work)
    if (putBack === undefined) continue
    await sleep(settleMs)
    putBack()
    await sleep(settleMs)
    for (const [{ contender }, work] of works) await contender.copy(work)
    if (run === 0) for (const [, work] of works) verify(scenario, work)
  }
}

/** Only what is measured goes the long way. */
async function measured({ contender, link }: Entrant, work: Work): Promise<Sample> {
  flushDisk()
  await link.stretch(true)
  const before = await link.bytes()
  const sample = await contender.copy(work)
  const after = await link.bytes()
  await link.stretch(false)
  return before === undefined || after === undefined ? sample : { ...sample, wireBytes: after - before }
}

export function titleOf({ contender, way }: { readonly contender: Contender; readonly way: Way }): string {
  return `${contender.name}${wayOf(way)}`
}

/** Nothing for one target that is near. */
export function wayOf({ targets, roundTripMs }: Way): string {
  return `${targets === 1 ? '' : `, ${targets} targets`}${roundTripMs === undefined ? '' : `, ${roundTripMs} ms`}`
}

let made = 0

function newTargets({ targets }: Place, way: Way): string[] {
  return Array.from({ length: way.targets }, () => {
    const target = join(targets, `target-${++made}`)
    mkdirSync(target)
    return target
  })
}

function runsOfAll(entrants: readonly Entrant[]): number {
  return Math.max(0, ...entrants.map(({ runs }) => runs))
}

/** What is added is about as much as what is deleted. */
function verify({ tree }: Scenario, { from, targets }: Work): void {
  for (const target of targets) {
    const files = verifyEqual(join(from, 'content'), join(target, 'content'))
    if (Math.abs(files - tree.files) > 1) throw new Error(`${target} holds ${files} files instead of ${tree.files}`)
  }
}

function flushDisk(): void {
  const { status } = spawnSync('sync', { timeout: 300_000 })
  if (status !== 0) throw new Error('sync failed')
}
