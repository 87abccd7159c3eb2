/** What the API answers, as far as this page reads it; times are RFC 3339, sizes bytes. */

export interface Fault {
  readonly code: string
  readonly detail: string
}

export type AgentState = 'disabled' | 'failed' | 'paused' | 'blocked' | 'retrying' | 'running' | 'idle'
export type QueueState = 'paused' | 'blocked' | 'retrying' | 'running' | 'idle' | 'passive'

export interface Queue {
  readonly name: string
  readonly state: QueueState
  readonly size: number
  readonly oldestAt?: string
  readonly blockedBy?: {
    readonly item: string
    readonly attempts: number
    readonly error: Fault
    readonly nextAttemptAt?: string
  }
  readonly pausedBy?: { readonly at: string; readonly actor: string; readonly reason?: string }
  readonly limitBytesPerSecond?: number
  readonly diverged?: {
    readonly since: string
    readonly command: string
    readonly actor: string
    readonly reason?: string
  }
}

export interface Trigger {
  readonly kind: 'schedule' | 'after' | 'watch'
  readonly cron?: string
  readonly timezone?: string
  readonly agent?: string
  readonly nextAt?: string
  readonly lastFiredAt?: string
  readonly lastCommand?: string
  readonly missed?: number
  readonly watchingSince?: string
  readonly error?: Fault
}

export interface Agent {
  readonly name: string
  readonly enabled: boolean
  readonly state: AgentState
  readonly reason?: string
  readonly queues: readonly Queue[]
  readonly lastCommand?: {
    readonly id: string
    readonly kind: string
    readonly action: string
    readonly state: RunState
    readonly createdAt: string
    readonly finishedAt?: string
  }
  readonly drift: readonly {
    readonly target: string
    readonly state: 'in-sync' | 'behind' | 'diverged'
    readonly comparison: string
    readonly at: string
    readonly since: string
  }[]
  readonly triggers: readonly Trigger[]
  readonly counters: { readonly commands: number; readonly delivered: number; readonly failedAttempts: number }
  /** Delivered in each of the last hours, oldest first. */
  readonly throughput?: readonly number[]
}

export type ItemState = 'preparing' | 'waiting' | 'active' | 'retrying' | 'leased' | 'failed'

export interface Item {
  readonly id: string
  readonly command: string
  readonly package?: string
  readonly action: string
  readonly paths: readonly string[]
  readonly pathCount: number
  readonly entries: number
  readonly bytes: number
  readonly actor: string
  readonly state: ItemState
  readonly attempts: number
  readonly error?: Fault
  readonly enqueuedAt: string
  readonly nextAttemptAt?: string
}

export interface Try {
  readonly attempt: number
  readonly startedAt: string
  readonly finishedAt?: string
  readonly error?: Fault
}

export interface QueuePage extends Queue {
  readonly items: readonly Item[]
  readonly next?: string
}

export const runStates = ['queued', 'running', 'retrying', 'succeeded', 'failed', 'partial', 'cancelled'] as const
export type RunState = (typeof runStates)[number]
export type TargetState = 'queued' | 'delivering' | 'retrying' | 'delivered' | 'failed' | 'skipped' | 'cancelled'

export interface Progress {
  readonly entries: number
  readonly bytes: number
  readonly totalEntries?: number
  readonly totalBytes?: number
  readonly at: string
  readonly startedAt: string
}

export interface Decision {
  readonly verb: string
  readonly at: string
  readonly actor: string
  readonly reason?: string
}

export interface Target {
  readonly target: string
  readonly state: TargetState
  readonly attempts: number
  readonly nextAttemptAt?: string
  readonly error?: Fault
  readonly entries: number
  readonly bytes: number
  readonly applied?: { readonly parts: number }
  readonly brought?: { readonly parts: number }
  readonly startedAt?: string
  readonly finishedAt?: string
  readonly progress?: Progress
  readonly receipt?: { readonly package: string; readonly entries: number; readonly appliedAt: string }
  readonly decisions?: readonly Decision[]
}

export interface CommandAgent {
  readonly agent: string
  readonly status: RunState | 'error'
  readonly package?: string
  readonly parts?: { readonly done: number; readonly total: number; readonly more?: true }
  readonly delta?: { readonly files: number; readonly bytes: number }
  readonly progress?: Progress
  readonly error?: Fault
  readonly notes?: readonly string[]
  readonly targets: readonly Target[]
}

export interface Command {
  readonly id: string
  readonly kind: CommandKind
  readonly action: string
  readonly paths: readonly string[]
  readonly deep: boolean
  readonly mode: 'update' | 'mirror'
  readonly full?: boolean
  readonly verify?: boolean
  readonly state: RunState
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
  readonly application?: {
    readonly comparison: string
    readonly writes: number
    readonly deletes: number
    readonly overrideGuard?: string
    readonly reverts?: string
  }
  readonly approval?: { readonly state: 'needed' | 'given'; readonly by?: string; readonly at?: string }
  readonly delivery?: string
  readonly agents: readonly CommandAgent[]
}

export const commandKinds = ['replicate', 'import', 'export'] as const
export type CommandKind = (typeof commandKinds)[number]

export interface HistoryEntry {
  readonly id: string
  readonly command: string
  readonly action: string
  readonly paths: readonly string[]
  readonly status: RunState
  readonly actor: string
  readonly createdAt: string
  readonly finishedAt?: string
  readonly durationMs?: number
  readonly package?: string
  readonly entries: number
  readonly bytes: number
  readonly targets: readonly Target[]
  readonly error?: Fault
}

export interface LogLine {
  readonly at: string
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  readonly actor?: string
  readonly command?: string
  readonly target?: string
  readonly fields: Readonly<Record<string, unknown>>
}

export interface Endpoint {
  readonly kind: string
  readonly [option: string]: unknown
}

/** As `GET /config` answers it: complete, secrets as placeholders. */
export interface Config {
  readonly name: string
  readonly title?: string
  readonly description?: string
  readonly enabled: boolean
  readonly source?: Endpoint
  readonly targets: readonly (Endpoint & { readonly name: string })[]
  readonly passive: readonly string[]
  readonly roots: readonly string[]
  readonly [more: string]: unknown
}

export interface Server {
  readonly version: string
  readonly roles: readonly string[]
  readonly environment?: { readonly name: string; readonly colour: string }
}
