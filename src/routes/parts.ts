import type { Registry } from 'prom-client'
import type { Access } from '../access/access.ts'
import type { KeptSecrets } from '../agents/config/kept-secrets.ts'
import type { ConfigStore } from '../agents/config/store.ts'
import type { Engine } from '../agents/engine.ts'
import type { Parts } from '../agents/parts.ts'
import type { EndpointKind } from '../endpoints/endpoint.ts'
import type { Asked } from './client-certificate.ts'
import type { EventStreams } from './event-streams.ts'
import type { Idempotency } from './idempotency.ts'

/** What the routes are made with. */
export interface RouteParts extends Parts {
  readonly settings: Asked & {
    readonly roles: ReadonlySet<'api' | 'worker'>
    readonly maxUploadBytes: number
    readonly publicUrl?: string
    /** It speaks TLS. */
    readonly tlsCert?: string
    /** What people call the environment that this server belongs to. */
    readonly environmentName?: string
    readonly environmentColour?: string
    /** Of each caller, 0: any number. */
    readonly rateLimitPerSecond?: number
    readonly maxConnections?: number
    /** With credentials, one is asked for there too. */
    readonly protectHealth?: boolean
    readonly protectMetrics?: boolean
  }
  readonly access: Access
  readonly configs: ConfigStore
  readonly secrets: KeptSecrets
  readonly kinds: readonly EndpointKind[]
  readonly engine: Engine
  readonly registry: Registry
  readonly idempotency: Idempotency
  readonly eventStreams: EventStreams
  /** Aborts when the server begins to close: answers that are held are then given. */
  readonly closing: AbortSignal
  /** Throws when the server cannot do its work; warns of promises that it keeps only weakly. */
  readonly ready: () => Promise<{ warnings: readonly string[] }>
}
