#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
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
// To load all of these takes as long as to copy a hundred resources.
if (process.argv[2] !== 'sync') {
  const [{ addClientCommands }, { addStateCommands }, { addKeyCommands }] = await Promise.all([
    import('./client.ts'),
    import('./state.ts'),
    import('./keys.ts'),
  ])
  addClientCommands(program)
  addStateCommands(program)
  addKeyCommands(program)
}

await program.parseAsync()
