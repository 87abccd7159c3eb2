export type Counts<State extends string> = Readonly<Partial<Record<State, number>>>

export function count<State extends string>(counts: Counts<State>, ...states: State[]): number {
  return states.reduce((sum, state) => sum + (counts[state] ?? 0), 0)
}

/** The counts after so many have gone from one state to another. */
export function moved<State extends string>(
  counts: Counts<State>,
  from: State | undefined,
  to: State | undefined,
  by = 1,
): Counts<State> {
  if (from === to) return counts
  const next: Partial<Record<State, number>> = { ...counts }
  if (from !== undefined) next[from] = (next[from] ?? 0) - by
  if (to !== undefined) next[to] = (next[to] ?? 0) + by
  for (const state of [from, to]) if (state !== undefined && next[state] === 0) delete next[state]
  return next
}
