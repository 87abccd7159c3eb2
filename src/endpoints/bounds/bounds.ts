import type { HostBounds } from './hosts.ts'

/** What the endpoints of a server may reach. The command line has none: it is bound by who runs it. */
export interface Bounds {
  readonly hosts: HostBounds
}

/** Where options of an endpoint lead: `at` is the way to the one that says so, as a JSON Pointer. */
export interface Lead {
  readonly at: string
  readonly url: string
}
