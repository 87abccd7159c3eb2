import { ReplicationError } from '../../errors.ts'
import type { Parts } from '../parts.ts'
import { commandKey, type Command } from './records.ts'

/** Throws `missing`. */
export async function commandOf(parts: Pick<Parts, 'store'>, id: string): Promise<Command> {
  const command = await parts.store.get<Command>(commandKey(id))
  if (command === undefined) throw new ReplicationError('missing', `there is no command ${id}`)
  return command.value
}

/** The agents that took it. */
export function agentsOf(command: Command): string[] {
  return command.statusList.filter(({ status }) => status === 'queued').map(({ agent }) => agent)
}
