/** Pieces of a text that others take the place of. */
export interface Splice {
  readonly from: number
  readonly to: number
  readonly text: string
}

/** Where two take the same away, it is gone. Of those at the same place the one that was given first comes first. */
export function spliced(text: string, splices: readonly Splice[]): string {
  const parts: string[] = []
  let at = 0
  for (const { from, to, text: by } of splices.toSorted((one, other) => one.from - other.from)) {
    if (from > at) parts.push(text.slice(at, from))
    parts.push(by)
    at = Math.max(at, to)
  }
  return parts.join('') + text.slice(at)
}

/** Where the line with this place begins. */
export function lineStart(text: string, at: number): number {
  return at === 0 ? 0 : text.lastIndexOf('\n', at - 1) + 1
}

/** Where it ends, its line end not included. */
export function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at)
  if (end < 0) return text.length
  return end > at && text[end - 1] === '\r' ? end - 1 : end
}

export function eolOf(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n'
}
