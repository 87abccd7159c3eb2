import type { Metrics } from '../../../src/agents/metrics/metrics.ts'

/** What a scrape says: each series, as it is written, and its value. */
export async function scraped(metrics: Metrics): Promise<ReadonlyMap<string, number>> {
  let text = ''
  for await (const piece of await metrics.exposition()) text += piece
  return seriesIn(text)
}

export function seriesIn(text: string): ReadonlyMap<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}

/** The series whose names begin so, of an agent and perhaps its target, without what is 0. */
export function those(
  series: ReadonlyMap<string, number>,
  name: string,
  agent: string,
): Record<string, number | undefined> {
  return Object.fromEntries(
    [...series].filter(([key, value]) => key.startsWith(name) && key.includes(`agent="${agent}"`) && value !== 0),
  )
}
