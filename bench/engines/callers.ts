/** Many callers at the same time, each of whom calls again as soon as he has his answer. */

type Call = (number: number) => Promise<void>

/** Answers how many calls were answered a second, of those that began within `forMs`. */
export async function callsPerSecond(callers: number, forMs: number, call: Call): Promise<number> {
  const startedAt = performance.now()
  const calls = await share(callers, call, () => performance.now() - startedAt < forMs)
  return (1000 * calls) / (performance.now() - startedAt)
}

/** Calls so often in all. */
export async function callTimes(callers: number, times: number, call: Call): Promise<void> {
  await share(callers, call, (number) => number < times)
}

/** One after the other, so often; answers what each took, in ms. */
export async function timeEach(times: number, call: Call): Promise<number[]> {
  const tookMs: number[] = []
  for (let number = 0; number < times; number++) {
    const startedAt = performance.now()
    await call(number)
    tookMs.push(performance.now() - startedAt)
  }
  return tookMs
}

async function share(callers: number, call: Call, more: (number: number) => boolean): Promise<number> {
  let next = 0
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (more(next)) await call(next++)
    }),
  )
  return next
}
