import type { Fuzzer } from '../fuzzer.ts'
import { fuzzApi } from './run.ts'

/** As `npm run fuzz` has it. A case depends on what the server has answered before, so that none can be made alone. */
export const fuzzed: Fuzzer = async ({ seed, cases }) => {
  const { faults, operations, statuses, growthBytes, slowest } = await fuzzApi({ seed, cases })
  const figures = {
    ...{ operations, statuses: JSON.stringify(statuses), faults: faults.length },
    ...(growthBytes !== undefined && { 'growth in the second half, MiB': Math.round(growthBytes / 2 ** 20) }),
    slowest: `${slowest.operation}, ${Math.round(slowest.ms)} ms`,
  }
  if (faults.length === 0) return { figures }
  const said = faults.map(
    ({ number, what, caller, request, answer }) =>
      `case ${number}, ${caller}: ${what}\n  ${request.slice(0, 1500)}\n  ${answer}\n`,
  )
  return { figures, failure: said.join('\n') }
}
