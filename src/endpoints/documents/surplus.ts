import type { PackageReader } from '../../packages/read.ts'
import { Regions } from '../../packages/regions.ts'
import type { ResourcePath } from '../../resources/path.ts'
import type { Resource } from '../../resources/resource.ts'
import type { TargetDelivery } from '../endpoint.ts'
import { hasSurplus, regionsOf, surplusOf } from '../mirror.ts'

/** What a mirror removes of the resources that a target holds, which are read for a mirror alone. Throws `conflict`. */
export async function surplusAmong(
  held: () => AsyncIterable<Resource>,
  pkg: PackageReader,
  { paths, deletes }: Pick<TargetDelivery, 'deletes'> & { readonly paths?: readonly ResourcePath[] | undefined },
): Promise<readonly ResourcePath[]> {
  if (!hasSurplus(pkg.header)) return []
  const regions = new Regions(regionsOf(pkg.header, paths))
  return surplusOf(pathsWithin(held(), regions), listed(pkg, paths), pkg.header, deletes)
}

async function* pathsWithin(resources: AsyncIterable<Resource>, regions: Regions): AsyncGenerator<ResourcePath> {
  for await (const { path } of resources) if (regions.hold(path)) yield path
}

async function* listed(
  pkg: PackageReader,
  paths: readonly ResourcePath[] | undefined,
): AsyncGenerator<ResourcePath, void, void> {
  const wanted = paths === undefined ? undefined : new Regions(paths)
  for await (const batch of pkg.manifest())
    for (const { type, path } of batch) if (type !== 'delete' && wanted?.hold(path) !== false) yield path
}
