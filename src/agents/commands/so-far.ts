/** So many parts, and what is in them. */
export interface SoFar {
  readonly parts: number
  readonly entries: number
  readonly bytes: number
}

export const nothing: SoFar = { parts: 0, entries: 0, bytes: 0 }

export function withPart({ parts, entries, bytes }: SoFar, more: Pick<SoFar, 'entries' | 'bytes'>): SoFar {
  return { parts: parts + 1, entries: entries + more.entries, bytes: bytes + more.bytes }
}

/** From this part on, those before were thrown away when export number `export` came to others. */
export interface Edition {
  readonly from: number
  readonly export: number
}

/** Tells a part from those of the same number that were thrown away: undefined, until one was. */
export function editionOf(
  { editions = [] }: { readonly editions?: readonly Edition[] },
  number: number,
): number | undefined {
  return editions.findLast(({ from }) => from <= number)?.export
}
