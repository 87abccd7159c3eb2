import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { Option, type Command } from 'commander'
import { positive } from '../numbers.ts'
import { Ending, exitCodes, usage } from '../ending.ts'
import { say } from '../say.ts'
import { showComparison } from './compare.ts'
import { outputTo } from './download.ts'
import { listed, segment, speaks, type Client } from './options.ts'
import { pages, plain, printList, printOne } from './print.ts'
import {
  addWaitOption,
  commandText,
  ended,
  exitCodeOf,
  showOutcome,
  type CommandView,
  type WaitOptions,
} from './wait.ts'

interface Accepted {
  readonly id: string
  readonly statusList: readonly {
    readonly agent: string
    readonly status: string
    readonly error?: { readonly code: string; readonly detail: string }
  }[]
}

interface MakeOptions extends WaitOptions {
  readonly agent?: readonly string[]
  readonly all?: boolean
  readonly action?: string
  readonly shallow?: boolean
  readonly mirror?: boolean
  readonly full?: boolean
  readonly verify?: boolean
  readonly to?: string
}

interface ImportOptions extends WaitOptions {
  readonly agent?: readonly string[]
  readonly all?: boolean
  readonly path?: readonly string[]
}

/** `replicate`, `export`, `import`, and what can be done to commands. */
export function addCommandCommands(program: Command): void {
  addReplicate(program)
  addExport(program)
  addImport(program)
  addCommand(program)
}

function addReplicate(program: Command): void {
  const command = agentOptions(program.command('replicate'))
    .summary('sends paths to all targets of an agent')
    .description('Has agents export PATHS and send them to all of their targets.')
    .argument('<PATH...>', 'absolute paths of resources')
    .addOption(new Option('--action <ACTION>').choices(['add', 'delete', 'test']).default('add'))
    .option('--shallow', 'the named resources alone, not what is below them')
    .option('--mirror', 'remove what only the targets have below the paths, within the guard')
    .option('--full', 'send all, also what the targets are known to hold')
    .option('--verify', 'read all anew, at the source and at the targets, whatever is remembered of it')
    .addHelpText('after', '\nExample\n  trebuchet replicate --agent publish1 --wait --timeout 60 /content/news')
  addWaitOption(
    speaks(command, (client, paths: string[], options: MakeOptions) => make(client, 'replicate', paths, options)),
  )
}

function addExport(program: Command): void {
  const command = agentOptions(program.command('export'))
    .summary('makes a package of paths, and may fetch it')
    .description('Has agents export PATHS into a package and keep it.')
    .argument('<PATH...>', 'absolute paths of resources')
    .addOption(new Option('--action <ACTION>').choices(['add', 'delete']).default('add'))
    .option('--shallow', 'the named resources alone, not what is below them')
    .option('--mirror', 'a package that removes what only a target has below the paths')
    .option('--to <FILE>', 'write the package there once it is made (one agent; - is standard output)')
    .addHelpText('after', '\nExample\n  trebuchet export --agent author --to content.zip /content')
  addWaitOption(
    speaks(command, (client, paths: string[], options: MakeOptions) =>
      options.to === undefined ? make(client, 'export', paths, options) : exportTo(client, paths, options, options.to),
    ),
  )
}

function agentOptions(command: Command): Command {
  return command
    .option('--agent <NAME>', 'the agent (can be repeated)', listed)
    .option('--all', 'every enabled agent that can')
}

function pathOf(verb: string, { agent = [], all = false }: Pick<MakeOptions, 'agent' | 'all'>): string {
  if (all ? agent.length > 0 : agent.length === 0) throw usage('name agents with --agent, or give --all')
  const [only] = agent
  return only !== undefined && agent.length === 1 ? `/agent/${segment(only)}/${verb}` : `/all/${verb}`
}

function bodyOf(
  paths: readonly string[],
  { agent = [], action, shallow = false, mirror = false, full, verify }: MakeOptions,
): object {
  return {
    ...{ action, paths, deep: !shallow, mode: mirror ? 'mirror' : 'update' },
    ...(full === true && { full }),
    ...(verify === true && { verify }),
    ...(agent.length > 1 && { agents: agent }),
  }
}

async function make(client: Client, verb: string, paths: readonly string[], options: MakeOptions): Promise<number> {
  const { body } = await client.server.post<Accepted>(pathOf(verb, options), { json: bodyOf(paths, options) })
  return accepted(client, body, options)
}

async function accepted(client: Client, { id, statusList }: Accepted, options: WaitOptions): Promise<number> {
  const refused = statusList.filter(({ status }) => status === 'error')
  for (const { agent, error } of refused) say(`${agent}: ${error?.detail ?? 'refused'} (${error?.code ?? 'error'})`)
  const code = await showOutcome(client, id, options)
  // The others went on, and so this is not the success that was asked for.
  return code === 0 && refused.length > 0 ? exitCodes.partly : code
}

async function exportTo(client: Client, paths: readonly string[], options: MakeOptions, to: string): Promise<number> {
  if (options.agent?.length !== 1) throw usage('--to needs one --agent')
  const { body } = await client.server.post<Accepted>(pathOf('export', options), { json: bodyOf(paths, options) })
  const command = await ended(client, body.id, { ...options, wait: true })
  // With `-` the package is all of the output.
  if (to === '-') say(commandText(command))
  else await printOne(client.output, command, commandText)
  const code = exitCodeOf(command)
  if (code !== 0) return code
  const id = command.agents[0]?.package
  if (id === undefined) throw new Ending(exitCodes.failed, `command ${body.id} has made no package`)
  await outputTo(client, `/packages/${id}/content`, to)
  return 0
}

function addImport(program: Command): void {
  const command = agentOptions(program.command('import'))
    .summary('sends a package that was made before to all targets of an agent')
    .description('Has agents send a package to all of their targets.')
    .argument('<PACKAGE>', 'a file, - for standard input, or the id of a package that the server has')
    .option('--path <PATH>', 'only this part of the package (can be repeated)', listed)
    .addHelpText('after', '\nExample\n  trebuchet import --agent publish1 --wait --timeout 60 content.zip')
  addWaitOption(speaks(command, importPackage))
}

async function importPackage(client: Client, pkg: string, options: ImportOptions): Promise<number> {
  const { agent = [], path = [] } = options
  const to = pathOf('import', options)
  if (/^sha256-[0-9a-f]{64}$/.test(pkg)) {
    const json = { package: pkg, ...(path.length > 0 && { paths: path }), ...(agent.length > 1 && { agents: agent }) }
    const { body } = await client.server.post<Accepted>(to, { json })
    return accepted(client, body, options)
  }
  const { body } = await client.server.post<Accepted>(to, {
    ...(await uploadOf(pkg)),
    query: { path, ...(agent.length > 1 && { agents: agent }) },
  })
  return accepted(client, body, options)
}

/** A body that is a file. Throws an Ending when it cannot be read. */
export async function uploadOf(file: string) {
  const headers = { 'content-type': 'application/zip' }
  // Whole packages are checked before they are answered.
  const patienceMs = 600_000
  if (file === '-') {
    if (process.stdin.isTTY) throw usage('standard input is a terminal: name a file')
    return { body: () => process.stdin, once: true, headers, patienceMs }
  }
  try {
    await (await open(file)).close()
  } catch (error) {
    throw new Ending(exitCodes.failed, `${file} cannot be read: ${(error as Error).message}`, { cause: error })
  }
  return { body: () => createReadStream(file), headers, patienceMs }
}

interface ListOptions {
  readonly state?: string
  readonly agent?: string
  readonly kind?: string
  readonly path?: string
  readonly since?: string
  readonly until?: string
  readonly limit: number
}

function addCommand(program: Command): void {
  const group = program
    .command('command')
    .description('Looks at commands, cancels them, tries them again and takes them back.')
  addWaitOption(
    speaks(
      group.command('get').description('Shows a command, and what came of it.').argument('<ID>'),
      (client, id: string, options: WaitOptions) => showOutcome(client, segment(id), options),
    ),
  )
  speaks(
    filterOptions(group.command('list').description('Lists commands, newest first.'))
      .option('--agent <NAME>', 'of this agent')
      .addOption(new Option('--kind <KIND>').choices(['replicate', 'export', 'import'])),
    async (client, { limit, state, agent, kind, path, since, until }: ListOptions) =>
      printList(
        client.output,
        pages<CommandView>(client, '/commands', { state, agent, kind, path, since, until }, limit),
        ['ID', 'CREATED', 'KIND', 'ACTION', 'STATE', 'AGENTS', 'PATHS'],
        (one) => [
          one.id,
          one.createdAt,
          one.kind,
          one.action,
          one.state,
          one.agents.map(({ agent: name }) => name).join(','),
          short(one.paths),
        ],
      ),
  )
  speaks(
    group
      .command('revert')
      .description('Compares what a command has replaced with the target as it is: to apply that undoes it.')
      .argument('<ID>'),
    async (client, id: string) => {
      const { body } = await client.server.post<{ id: string }>(`/commands/${segment(id)}/revert`)
      await showComparison(client, body.id)
      say(`nothing is undone yet: trebuchet comparison apply ${body.id} does it`)
    },
  )
  for (const [verb, description] of [
    ['cancel', 'Takes what is not yet being delivered out of the queues.'],
    ['retry', 'Queues again what failed.'],
    ['approve', 'Lets a command begin that waits for somebody else to agree.'],
  ] as const)
    addWaitOption(
      speaks(
        group.command(verb).description(description).argument('<ID>').option('--reason <TEXT>', 'kept in the history'),
        async (client, id: string, { reason, ...options }: WaitOptions & { readonly reason?: string }) => {
          const json = reason === undefined ? {} : { json: { reason } }
          const { body } = await client.server.post<CommandView>(`/commands/${segment(id)}/${verb}`, json)
          if (options.wait === true) return showOutcome(client, body.id, options)
          await printOne(client.output, body, commandText)
          return 0
        },
      ),
    )
}

/** What lists of commands and histories can be asked for. */
export function filterOptions(command: Command): Command {
  return command
    .option('--state <STATE>', 'queued, running, retrying, succeeded, failed, partial or cancelled')
    .option('--path <PATH>', 'that concern this path or what is below it')
    .option('--since <TIME>', 'from then on, as 2026-11-22T10:00:00Z')
    .option('--until <TIME>', 'until then')
    .option('--limit <N>', 'at most so many', positive, 50)
}

export function short(paths: readonly string[]): string {
  return `${paths.slice(0, 3).map(plain).join(' ')}${paths.length > 3 ? ` and ${paths.length - 3} more` : ''}`
}
