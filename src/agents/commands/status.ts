import { count, type Counts } from './counts.ts'
import type { Command, HistoryEntry, RunState } from './records.ts'

const finals = new Set<RunState>(['succeeded', 'failed', 'partial', 'cancelled'])

export function isFinal(state: RunState): boolean {
  return finals.has(state)
}

/** Nothing waits for it, and nothing of it is in any queue: it is history. */
export function isAtRest({ status, parked = 0 }: Pick<HistoryEntry, 'status' | 'parked'>): boolean {
  return isFinal(status) && parked === 0
}

/** What one agent's part of a command amounts to, from the states of its targets. */
export function entryStatus(entry: Pick<HistoryEntry, 'stage' | 'counts' | 'targets' | 'exports'>): RunState {
  const { counts, stage } = entry
  if (stage === 'failed') return 'failed'
  // Its first parts may be on their way already.
  if (stage === 'preparing' && count(counts, 'retrying') === 0) return entry.exports === 0 ? 'queued' : 'running'
  if (stage === 'cancelled' || entry.targets.length === 0) return stage === 'ready' ? 'succeeded' : 'cancelled'
  if (count(counts, 'retrying') > 0) return 'retrying'
  const open = count(counts, 'queued', 'delivering')
  if (open > 0) return count(counts, 'queued') === entry.targets.length ? 'queued' : 'running'
  if (count(counts, 'delivered') === entry.targets.length) return 'succeeded'
  if (count(counts, 'delivered') > 0) return 'partial'
  return count(counts, 'failed') > 0 ? 'failed' : 'cancelled'
}

/** What a command amounts to, from what its agents' parts do. */
export function commandState(counts: Counts<RunState>): RunState {
  if (count(counts, 'retrying') > 0) return 'retrying'
  const open = count(counts, 'queued', 'running')
  const ended = count(counts, 'succeeded', 'partial', 'failed', 'cancelled')
  if (open > 0) return count(counts, 'queued') === open && ended === 0 ? 'queued' : 'running'
  if (count(counts, 'succeeded') === ended) return 'succeeded'
  if (count(counts, 'succeeded', 'partial') > 0) return 'partial'
  return count(counts, 'failed') > 0 ? 'failed' : 'cancelled'
}

export function isFinished(command: Pick<Command, 'state'>): boolean {
  return isFinal(command.state)
}
