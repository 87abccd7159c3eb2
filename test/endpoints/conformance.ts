/**
 * What every kind of endpoint must do, said once; each kind's test runs it. What a kind can do is what it has: mirrors
 * and lists are asked of targets that can list, reading of kinds that are sources.
 */
import { applying } from './conformance/applying.ts'
import type { Rig } from './conformance/bench.ts'
import { failing } from './conformance/failing.ts'
import { mirroring } from './conformance/mirroring.ts'
import { reading } from './conformance/reading.ts'

export function conforms(rig: Rig, { lists = true }: { readonly lists?: boolean } = {}): void {
  applying(rig)
  failing(rig)
  if (lists) mirroring(rig)
  if (rig.kind.source !== undefined) reading(rig)
}
