import { isWithin, outermost, type ResourcePath } from '../../resources/path.ts'
import type { Command, PackageRecord } from './records.ts'

/** An import may ask for a part of its package; whoever wants all of it does not say so. */
export function partOf({ kind, paths }: Command, pkg: PackageRecord | undefined): { paths?: readonly ResourcePath[] } {
  if (kind !== 'import' || pkg === undefined) return {}
  const whole = pkg.roots.every((root) => paths.some((path) => isWithin(root, path)))
  return whole ? {} : { paths: outermost(paths) }
}
