import type { Engine } from './installation.ts'
import { Random } from './random.ts'

/** Every kind of fault, as the report calls it. */
const kinds = [
  'author killed',
  'author stopped for longer than its lock',
  'author ended in order',
  'redis killed',
  'redis stopped',
  'connections to redis cut',
  'publish server killed',
  'publish server stopped',
  'connections cut in the middle',
  'answers truncated',
  'answers delayed',
  'connections refused',
] as const
export type FaultKind = (typeof kinds)[number]

export interface Fault {
  readonly kind: FaultKind
  /** Since the beginning. */
  readonly atMs: number
  /** From its beginning until it is mended. */
  readonly forMs: number
  /** Which of several: an author, or a place where connections can be broken. */
  readonly which: number
  readonly seed: number
}

/** Of each kind, the shortest and the longest. A worker's lock lasts 12 s, and is looked at every 3 s. */
const lengths: Readonly<Record<FaultKind, readonly [number, number]>> = {
  'author killed': [0, 3000],
  'author stopped for longer than its lock': [13_000, 20_000],
  'author ended in order': [0, 1000],
  'redis killed': [0, 3000],
  'redis stopped': [500, 6000],
  'connections to redis cut': [0, 0],
  'publish server killed': [0, 3000],
  'publish server stopped': [1000, 10_000],
  'connections cut in the middle': [1000, 6000],
  'answers truncated': [1000, 6000],
  'answers delayed': [1000, 6000],
  'connections refused': [500, 5000],
}

/** From one fault's beginning to that of the next, so that some overlap. */
const gapMs = [300, 3500] as const
/** After so many of each kind there is peace, for longer than it takes to take over from a server that is dead. */
const gust = 2
export const calmMs = 22_000

/** The faults of a run: the same for the same seed. Each kind comes before one of them comes again. */
export function planOf(engine: Engine, seed: number, lengthMs: number): Fault[] {
  const random = new Random(seed)
  const possible = kinds.filter((kind) => engine === 'redis' || !kind.includes('redis'))
  const plan: Fault[] = []
  let bag: FaultKind[] = []
  let bags = 0
  for (let atMs = random.between(...gapMs); atMs < lengthMs; atMs += random.between(...gapMs)) {
    if (bag.length === 0) {
      if (bags > 0 && bags % gust === 0)
        atMs = Math.max(atMs, ...plan.map((fault) => fault.atMs + fault.forMs)) + calmMs
      bag = random.shuffled(possible)
      bags++
    }
    const kind = bag.pop()
    if (kind === undefined || atMs >= lengthMs) break
    const forMs = random.between(...lengths[kind])
    plan.push({ kind, atMs, forMs, which: random.between(0, 999), seed: random.between(1, 1_000_000) })
  }
  return plan
}
