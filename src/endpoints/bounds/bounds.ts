import type { HostBounds } from './hosts.ts'
import type { PathBounds } from './paths.ts'
import type { SecretBounds } from './secrets.ts'

/** What the endpoints of a server may reach. The command line has none: it is bound by who runs it. */
export interface Bounds {
  readonly hosts: HostBounds
  readonly paths: PathBounds
  readonly secrets: SecretBounds
}

/** Where options of an endpoint lead: `at` is the way to the one that says so, as a JSON Pointer. */
export type Lead = { readonly at: string } & ({ readonly url: string } | { readonly path: string })
