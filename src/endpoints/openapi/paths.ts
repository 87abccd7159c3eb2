/** Paths of OpenAPI as paths of resources, and back. */
import { parsePath, segmentsOf, type ResourcePath } from '../../resources/path.ts'

/*
 * What no resource's path can have (`/pets/`, `//`, `.` and `..`) is written behind a tilde, and so is what begins with one:
 * `/pets/` is at /pets/~, `/a/./b` at /a/~./b, `/~a` at /~~a, and `/` itself at /~.
 */
const escaped = new Set(['', '.', '..'])

/** Throws `invalid` for what cannot be a path even so: one of 4,096 bytes, or that is not well-formed. */
export function resourcePathOf(name: string): ResourcePath {
  const segments = name
    .slice(1)
    .split('/')
    .map((segment) => (escaped.has(segment) || segment.startsWith('~') ? `~${segment}` : segment))
  return parsePath(`/${segments.join('/')}`)
}

/** Undefined for what `resourcePathOf` cannot have made. */
export function pathNameOf(path: ResourcePath): string | undefined {
  const segments = segmentsOf(path)
  if (segments.length === 0) return undefined
  const name = `/${segments.map((segment) => (segment.startsWith('~') ? segment.slice(1) : segment)).join('/')}`
  return resourcePathOf(name) === path ? name : undefined
}
