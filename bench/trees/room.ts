import { statfsSync } from 'node:fs'
import { trebuchet } from './ours.ts'
import { fewFiles, runsOf, type Scenario, type Way } from './scenarios.ts'

/** Why a scenario cannot be measured in `folder`; undefined when there is room. About: it errs on the side of the disk. */
export function tooLittleRoom(
  scenario: Scenario,
  entries: readonly { readonly tool: string; readonly way: Way }[],
  runs: number,
  folder: string,
): string | undefined {
  const { name, state, tree } = scenario
  // The source, what each entrant has copied, and for ours a package on both sides each time.
  const trees = entries.reduce((sum, { tool, way }) => {
    const times = runsOf(scenario, tool, runs) + 1
    const kept = state === 'cold' && tree.files >= fewFiles ? times : 1
    const packages = tool === trebuchet ? (state === 'cold' ? 1 : times) : 0
    return sum + way.targets * kept + (1 + way.targets) * packages
  }, 1)
  const { bavail, bsize, files, ffree } = statfsSync(folder)
  const [bytes, freeBytes] = [trees * tree.diskBytes, bavail * bsize]
  if (bytes > freeBytes)
    return `${name} was left out: it needs ${gigabytes(bytes)}, and ${gigabytes(freeBytes)} are free`
  // Some file systems do not count their files, and say 0 of 0.
  if (files > 0 && trees * tree.files > ffree) return `${name} was left out: the disk has room for ${ffree} more files`
  return undefined
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`
}
