/** What a client sees on the wire, written down anew from the HTTP contract. */

export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly instance: string
  readonly code: string
  readonly requestId: string
  readonly errors?: readonly { readonly pointer: string; readonly message: string }[]
  readonly statusList?: readonly AgentStatus[]
}

export interface AgentStatus {
  readonly agent: string
  readonly status: 'queued' | 'error'
  readonly error?: Fault
}

export interface Fault {
  readonly code: string
  readonly detail: string
}

export interface Accepted {
  readonly id: string
  readonly statusList: readonly AgentStatus[]
}

export interface Command {
  readonly id: string
  readonly kind: string
  readonly action: string
  readonly paths: readonly string[]
  readonly state: string
  readonly createdAt: string
  readonly finishedAt?: string
  readonly actor: string
  readonly cause?: {
    readonly trigger: string
    readonly dueAt?: string
    readonly missed?: number
    readonly agent?: string
    readonly command?: string
  }
  readonly agents: readonly AgentPart[]
}

export interface AgentPart {
  readonly agent: string
  readonly status: string
  readonly package?: string
  readonly error?: Fault
  readonly targets: readonly TargetPart[]
}

export interface TargetPart {
  readonly target: string
  readonly state: string
  readonly attempts: number
  readonly entries: number
  readonly bytes: number
  readonly error?: Fault
  readonly nextAttemptAt?: string
  readonly startedAt?: string
  readonly finishedAt?: string
  readonly receipt?: { readonly delivery: string; readonly package: string }
}

export interface Queue {
  readonly name: string
  readonly state: string
  readonly size: number
  readonly oldestAt?: string
  readonly blockedBy?: {
    readonly item: string
    readonly attempts: number
    readonly error: Fault
    readonly nextAttemptAt?: string
  }
}

export interface Item {
  readonly id: string
  readonly command: string
  readonly package?: string
  readonly action: string
  readonly paths: readonly string[]
  readonly pathCount: number
  readonly state: string
  readonly attempts: number
  readonly enqueuedAt: string
  readonly error?: Fault
}

export interface AgentView {
  readonly name: string
  readonly enabled: boolean
  readonly state: string
  readonly reason?: string
  readonly queues: readonly Queue[]
  readonly lastCommand?: { readonly id: string }
  readonly triggers: readonly Trigger[]
  readonly counters: Readonly<Record<string, number>>
  readonly throughput: readonly number[]
}

export interface Trigger {
  readonly kind: string
  readonly nextAt?: string
  readonly lastFiredAt?: string
  readonly lastCommand?: string
  readonly missed?: number
  readonly watchingSince?: string
  readonly error?: Fault
}

export interface HistoryEntry {
  readonly id: string
  readonly command: string
  readonly action: string
  readonly paths: readonly string[]
  readonly status: string
  readonly actor: string
  readonly createdAt: string
  readonly finishedAt?: string
  readonly durationMs?: number
  readonly package?: string
  readonly entries: number
  readonly bytes: number
  readonly targets: readonly TargetPart[]
  readonly error?: Fault
}

export interface Package {
  readonly id: string
  readonly createdAt: string
  readonly agent?: string
  readonly command?: string
  readonly action: string
  readonly roots: readonly string[]
  readonly entries: number
  readonly bytes: number
}

export interface Page<T> {
  readonly items: readonly T[]
  readonly next?: string
}

export interface Endpoint {
  readonly kind: string
  readonly [option: string]: unknown
}

export interface Config {
  readonly name: string
  readonly source?: Endpoint
  readonly targets?: readonly (Endpoint & { readonly name?: string })[]
  readonly [setting: string]: unknown
}
