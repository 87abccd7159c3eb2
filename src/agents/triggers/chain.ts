import type { Write } from '../../state/store.ts'
import type { Command, HistoryEntry } from '../commands/records.ts'
import { chainedLog, type Chained } from './records.ts'

/** What belongs into the batch with which an agent's part of a command succeeds. */
export function chainWrites(
  followers: readonly string[],
  { id, kind, action }: Command,
  was: HistoryEntry,
  is: HistoryEntry,
): Write[] {
  if (is.status !== 'succeeded' || was.status === 'succeeded' || kind === 'export' || action === 'test') return []
  const value: Chained = { agent: is.agent, command: id }
  return followers.map((follower) => ({ append: chainedLog(follower), value }))
}
