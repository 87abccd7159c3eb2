import { HostBounds } from '../../src/endpoints/bounds/hosts.ts'
import type { Bounds } from '../../src/endpoints/bounds/bounds.ts'
import { PathBounds } from '../../src/endpoints/bounds/paths.ts'
import { SecretBounds } from '../../src/endpoints/bounds/secrets.ts'

/** Bounds that admit everything but what is given. */
export function givenBounds(bounds: Partial<Bounds> = {}): Bounds {
  return {
    hosts: new HostBounds('0.0.0.0/0,::/0', async () => false),
    paths: new PathBounds(['/'], []),
    secrets: new SecretBounds({ allowed: ['/'], own: [], isOwnVariable: () => false }),
    ...bounds,
  }
}
