import type { ResourcePath } from './path.ts'

/**
 * A pattern for whole paths, case-sensitive. `*` is any text within a segment, also none and also with a leading dot;
 * `?` is one character within a segment; a segment `**` is any number of segments, also none, so that `/x/**` is `/x`
 * and everything below it. Every other character, braces, brackets and backslashes included, means itself.
 *
 * Hand-written, because a pattern comes from a caller and is tried against every path of a tree: the usual translation
 * into a regular expression takes seconds for a pattern with three stars and a name of 255 bytes, and hours for five.
 * Here a star is only ever extended from where it last matched, so the time is at most (length of the pattern) times
 * (length of the path).
 */
export type Glob = (path: ResourcePath) => boolean

const maxLength = 1024

/** What is wrong with the text of a pattern, or undefined. */
export function faultInGlob(pattern: string): string | undefined {
  if (!pattern.startsWith('/')) return 'must begin with a slash'
  if (pattern.length > maxLength) return `must have at most ${maxLength} characters`
  if (!pattern.isWellFormed()) return 'is not well-formed Unicode'
  if (pattern.includes('\0')) return 'contains a NUL'
  if (pattern === '/') return undefined
  if (pattern.endsWith('/')) return 'must not end with a slash'
  for (const segment of pattern.slice(1).split('/')) {
    if (segment === '') return 'has an empty segment'
    if (segment === '.' || segment === '..') return `has a segment ${segment}`
    if (segment !== '**' && segment.includes('**')) return 'has ** beside other characters; ** must be a whole segment'
  }
  return undefined
}

/** The pattern must be without fault (`faultInGlob`). */
export function globOf(pattern: string): Glob {
  if (!/[*?]/.test(pattern)) return (path) => path === pattern
  const root = pattern.slice(0, -3)
  if (pattern.endsWith('/**') && !/[*?]/.test(root))
    return (path) => path === root || root === '' || path.startsWith(`${root}/`)
  const wanted = pattern.slice(1).split('/').map(segmentOf)
  return (path) => matches(wanted, path === '/' ? [] : path.slice(1).split('/'))
}

/** One part of what is wanted: wild parts stand for any number of parts, the others for one that fits. */
export interface Part {
  readonly wild: boolean
  readonly fits: (part: string) => boolean
}

function segmentOf(text: string): Part {
  if (!/[*?]/.test(text)) return { wild: false, fits: (segment) => segment === text }
  const characters = [...text].map((wanted): Part => {
    return { wild: wanted === '*', fits: (character) => wanted === '?' || character === wanted }
  })
  return { wild: text === '**', fits: (segment) => matches(characters, [...segment]) }
}

/** Whether all of `parts` are what is wanted, in order; in at most (parts wanted) times (parts) steps. */
export function matches(wanted: readonly Part[], parts: readonly string[]): boolean {
  let w = 0
  let p = 0
  let afterWild = -1
  let resume = 0
  while (p < parts.length) {
    const want = wanted[w]
    if (want?.wild === true) {
      afterWild = ++w
      resume = p
    } else if (want?.fits(parts[p] ?? '') === true) {
      w++
      p++
    } else if (afterWild >= 0) {
      w = afterWild
      p = ++resume
    } else return false
  }
  while (wanted[w]?.wild === true) w++
  return w === wanted.length
}

/** Lets paths in or keeps them out. */
export type Filter = { readonly include: string } | { readonly exclude: string }

/** The first filter that matches decides; what none matches is included. */
export function includes(filters: readonly Filter[]): Glob {
  const rules = filters.map((filter) =>
    'include' in filter
      ? { glob: globOf(filter.include), verdict: true }
      : { glob: globOf(filter.exclude), verdict: false },
  )
  return (path) => rules.find(({ glob }) => glob(path))?.verdict ?? true
}
