import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Contender, Sample } from './contender.ts'
import { blobs, documents, type Tree } from './trees.ts'
import { verifyEqual } from './verify.ts'

export interface Scenario {
  readonly name: string
  readonly tree: Tree
}

export const scenarios: readonly Scenario[] = [
  { name: 'files-10k', tree: documents(10_000) },
  { name: 'files-100k', tree: documents(100_000) },
  { name: 'blobs-1g', tree: blobs(40, 2 ** 30) },
]

export interface Result {
  readonly scenario: Scenario
  readonly bytes: number
  readonly outcomes: readonly Outcome[]
}

/** The samples of one contender, in the order of the runs. */
export interface Outcome {
  readonly contender: string
  readonly samples: readonly Sample[]
}

export interface Place {
  /** Where the scenario's tree goes, and nothing else: new, and empty. */
  readonly source: string
  /** Where each run gets a folder that is new and empty. */
  readonly targets: string
}

/** Copies of fewer files are removed at once, others at the end of the bench. */
const fewFiles = 1000

/**
 * Every contender once, then every one again, so that whatever else the machine does falls on all of them alike. What
 * the run before left to the disk is written before the next begins. The first copy of each is compared byte by byte.
 */
export async function measure(
  scenario: Scenario,
  contenders: readonly Contender[],
  { source, targets }: Place,
  runs: number,
  say: (line: string) => void,
): Promise<Result> {
  const bytes = scenario.tree.write(source)
  const samples = contenders.map((): Sample[] => [])
  for (let run = 0; run < runs; run++)
    for (const [index, contender] of contenders.entries()) {
      const target = join(targets, `${scenario.name}-${run}-${index}`)
      mkdirSync(target)
      flushDisk()
      const sample = await contender.copy(source, target)
      samples[index]?.push(sample)
      say(`${scenario.name}, run ${run + 1} of ${runs}: ${contender.name} took ${(sample.wallMs / 1000).toFixed(2)} s`)
      if (run === 0) verify(scenario, source, target)
      // A file system without a journal (ext4) takes no inode again for half a minute after its deletion, and looks at
      // each of them when a file is created: a copy of many files must not come soon after the removal of as many.
      if (scenario.tree.files < fewFiles) rmSync(target, { recursive: true })
    }
  return {
    scenario,
    bytes,
    outcomes: contenders.map(({ name }, index) => ({ contender: name, samples: samples[index] ?? [] })),
  }
}

function verify({ tree }: Scenario, source: string, target: string): void {
  const files = verifyEqual(join(source, 'content'), join(target, 'content'))
  if (files !== tree.files) throw new Error(`${target} holds ${files} files instead of ${tree.files}`)
}

function flushDisk(): void {
  const { status } = spawnSync('sync', { timeout: 300_000 })
  if (status !== 0) throw new Error('sync failed')
}
