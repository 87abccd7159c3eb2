import type { Command } from 'commander'
import { say } from '../say.ts'
import { apply, applyOptions, configIn, printConfig } from './configs.ts'
import { segment, speaks } from './options.ts'
import { pages, plain, printList } from './print.ts'
import type { QueueView } from './queues.ts'

interface AgentView {
  readonly name: string
  readonly state: string
  readonly reason?: string
  readonly queues: readonly QueueView[]
  readonly lastCommand?: { readonly id: string; readonly state: string }
}

/** `trebuchet agent …` */
export function addAgentCommands(program: Command): void {
  const group = program.command('agent').description('Looks at agents, configures and deletes them.')
  speaks(group.command('list').description('Lists agents and how they stand.'), async (client) =>
    printList(
      client.output,
      pages<AgentView>(client, '/agent'),
      ['NAME', 'STATE', 'QUEUED', 'LAST COMMAND', 'REASON'],
      ({ name, state, queues, lastCommand, reason }) => [
        ...[name, state, String(queues.reduce((sum, { size }) => sum + size, 0))],
        lastCommand === undefined ? '' : `${lastCommand.id} ${lastCommand.state}`,
        plain(reason ?? ''),
      ],
    ),
  )
  speaks(
    group
      .command('get')
      .description('Prints the config of an agent, without its secrets, as `agent apply` takes it.')
      .argument('<NAME>'),
    async (client, name: string) => printConfig(client, name),
  )
  speaks(
    applyOptions(
      group
        .command('apply')
        .description('Creates or updates an agent from a file of JSON or YAML, and shows the difference first.')
        .argument('<FILE>', '- is standard input')
        .option('--force', 'also where queues hold items, which are then lost'),
    ),
    async (client, file: string, options: { yes?: boolean; dryRun?: boolean; force?: boolean }) =>
      apply(client, [await configIn(file)], options),
  )
  speaks(
    group
      .command('delete')
      .description('Deletes an agent.')
      .argument('<NAME>')
      .option('--force', 'also while its queues hold items, which are then lost'),
    async ({ server }, name: string, { force = false }: { force?: boolean }) => {
      await server.call('DELETE', `/config/${segment(name)}`, { query: { force: force ? 'true' : undefined } })
      say(`agent ${name} is deleted`)
    },
  )
}
