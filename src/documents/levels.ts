/** Something that must come after others. */
export interface Dependent {
  /** Names it among all. */
  readonly key: string
  /** Keys of those that must be there before it; one that is not among them is there already. */
  readonly after: readonly string[]
}

export interface Levels<D extends Dependent> {
  /** In each level whatever depends only on those before; in a level, in the order in which they were given. */
  readonly levels: readonly (readonly D[])[]
  /** Those that wait for each other, and so can never come, each cycle by itself and in the order in which it closes. */
  readonly cycles: readonly (readonly D[])[]
  /** Those that wait for one of a cycle. */
  readonly stuck: readonly D[]
}

/** Which can be done at the same time, and in which order. Takes time and room in proportion to what is given. */
export function levelsOf<D extends Dependent>(all: readonly D[]): Levels<D> {
  const byKey = new Map(all.map((one) => [one.key, one]))
  const waits = new Map<string, number>()
  const followers = new Map<string, D[]>()
  for (const one of all) {
    const before = new Set(one.after.filter((key) => byKey.has(key)))
    waits.set(one.key, before.size)
    for (const key of before) {
      const known = followers.get(key)
      if (known === undefined) followers.set(key, [one])
      else known.push(one)
    }
  }
  const place = new Map(all.map((one, i) => [one.key, i]))
  const levels: D[][] = []
  for (let level = all.filter(({ key }) => waits.get(key) === 0); level.length > 0;) {
    levels.push(level)
    const next: D[] = []
    for (const { key } of level) {
      waits.delete(key)
      for (const one of followers.get(key) ?? []) {
        const left = (waits.get(one.key) ?? 0) - 1
        waits.set(one.key, left)
        if (left === 0) next.push(one)
      }
    }
    level = next.toSorted((one, other) => (place.get(one.key) ?? 0) - (place.get(other.key) ?? 0))
  }
  const left = all.filter(({ key }) => waits.has(key))
  const cycles = cyclesIn(left, byKey, waits)
  const inCycle = new Set(cycles.flat())
  return { levels, cycles, stuck: left.filter((one) => !inCycle.has(one)) }
}

/** Each of `left` waits for another of them: whoever follows that far enough comes into a cycle. */
function cyclesIn<D extends Dependent>(
  left: readonly D[],
  byKey: ReadonlyMap<string, D>,
  waits: ReadonlyMap<string, number>,
): D[][] {
  const done = new Set<D>()
  const cycles: D[][] = []
  for (const start of left) {
    const trail: D[] = []
    const places = new Map<D, number>()
    let at: D | undefined = start
    while (at !== undefined && !done.has(at)) {
      const seen = places.get(at)
      if (seen !== undefined) {
        cycles.push(trail.slice(seen))
        break
      }
      places.set(at, trail.length)
      trail.push(at)
      const next: string | undefined = at.after.find((key) => waits.has(key))
      at = next === undefined ? undefined : byKey.get(next)
    }
    for (const one of trail) done.add(one)
  }
  return cycles
}
