import { Option, type Command } from 'commander'
import { filterOptions, short } from './commands.ts'
import { segment, speaks } from './options.ts'
import { pages, plain, printList } from './print.ts'

interface HistoryView {
  readonly id: string
  readonly action: string
  readonly paths: readonly string[]
  readonly status: string
  readonly createdAt: string
  readonly durationMs?: number
  readonly entries: number
  readonly error?: { readonly code: string; readonly detail: string }
}

interface Options {
  readonly kind: string
  readonly state?: string
  readonly path?: string
  readonly since?: string
  readonly until?: string
  readonly limit: number
}

/** `trebuchet history AGENT` */
export function addHistoryCommand(program: Command): void {
  const command = filterOptions(program.command('history').argument('<AGENT>'))
    .summary('shows what an agent has done')
    .description('Shows what an agent has done, newest first.')
    .addOption(new Option('--kind <KIND>').choices(['replicate', 'export', 'import']).default('replicate'))
    .addHelpText('after', '\nExample\n  trebuchet history publish1 --state failed --since 2026-11-22T00:00:00Z')
  speaks(command, async (client, agent: string, { kind, state, path, since, until, limit }: Options) =>
    printList(
      client.output,
      pages<HistoryView>(
        client,
        `/agent/${segment(agent)}/${kind}/history`,
        { status: state, path, since, until },
        limit,
      ),
      ['ID', 'CREATED', 'ACTION', 'STATUS', 'MS', 'ENTRIES', 'PATHS', 'ERROR'],
      (one) => [
        ...[
          one.id,
          one.createdAt,
          one.action,
          one.status,
          String(one.durationMs ?? ''),
          String(one.entries),
          short(one.paths),
        ],
        one.error === undefined ? '' : plain(`${one.error.code}: ${one.error.detail}`),
      ],
    ),
  )
}
