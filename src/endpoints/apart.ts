/** Whether one of the two places holds the other, or they are the same. */
export function overlap(a: readonly string[], b: readonly string[]): boolean {
  return a.slice(0, b.length).every((segment, i) => segment === b[i])
}
