#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { addClientCommands } from './client.ts'
import { addStateCommands } from './state.ts'
import { addSyncCommand } from './sync.ts'

const { version, description } = JSON.parse(
  readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
) as { version: string; description: string }

const program = new Command('trebuchet')
  .description(description)
  .version(version)
  // 1 is for what was tried and failed.
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))

program
  .command('serve')
  .description('Starts the server; its settings come from the environment and from CONFIG_DIR/server.json.')
  .action(async () => {
    const { main } = await import('../server.ts')
    await main()
  })

addSyncCommand(program)
addClientCommands(program)
addStateCommands(program)

await program.parseAsync()
