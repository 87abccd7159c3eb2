import type { Command } from 'commander'
import { addAgentCommands } from './client/agents.ts'
import { addCommandCommands } from './client/commands.ts'
import { addCompareCommands } from './client/compare.ts'
import { addConfigCommands } from './client/configs.ts'
import { addHistoryCommand } from './client/history.ts'
import { addPackageCommands } from './client/packages.ts'
import { addQueueCommands } from './client/queues.ts'
import { addTokenCommands } from './client/tokens.ts'
import { addWatchCommand } from './client/watch.ts'

/** Everything that speaks with a server, over HTTP alone. */
export function addClientCommands(program: Command): void {
  addAgentCommands(program)
  addConfigCommands(program)
  addCommandCommands(program)
  addCompareCommands(program)
  addQueueCommands(program)
  addHistoryCommand(program)
  addPackageCommands(program)
  addTokenCommands(program)
  addWatchCommand(program)
}
