import type { Command } from 'commander'
import { positive } from '../numbers.ts'
import { segment, speaks, type Client } from './options.ts'
import { pages, plain, printList, printOne, table, whole } from './print.ts'
import { short } from './commands.ts'

export interface QueueView {
  readonly name: string
  readonly state: string
  readonly size: number
  readonly oldestAt?: string
  readonly blockedBy?: {
    readonly item: string
    readonly attempts: number
    readonly error: { readonly code: string; readonly detail: string }
    readonly nextAttemptAt?: string
  }
}

interface ItemView {
  readonly id: string
  readonly state: string
  readonly action: string
  readonly paths: readonly string[]
  readonly attempts: number
  readonly enqueuedAt: string
  readonly error?: { readonly code: string; readonly detail: string }
}

const heads = ['QUEUE', 'STATE', 'SIZE', 'OLDEST', 'BLOCKED BY']

interface Reasoned {
  readonly reason?: string
}

/** `trebuchet queue …` */
export function addQueueCommands(program: Command): void {
  const group = program
    .command('queue')
    .description('Looks at queues, and decides what becomes of what waits in them.')
    .addHelpText(
      'after',
      '\nExamples\n  trebuchet queue list publish1\n  trebuchet queue items publish1 default\n  trebuchet queue skip publish1 default 01J9… --reason "obsolete"',
    )
  speaks(
    group.command('list').description('Lists the queues of an agent.').argument('<AGENT>'),
    async (client, agent: string) =>
      printList(client.output, whole<QueueView>(client, `/agent/${segment(agent)}/queues`), heads, row),
  )
  speaks(
    group
      .command('items')
      .description('Lists what waits in a queue, in the order in which it will go.')
      .argument('<AGENT>')
      .argument('<QUEUE>')
      .option('--state <STATE>', 'preparing, waiting, active, retrying, leased or failed')
      .option('--limit <N>', 'at most so many', positive, 50),
    async (client, agent: string, queue: string, { state, limit }: { state?: string; limit: number }) =>
      printList(
        client.output,
        pages<ItemView>(client, pathOf(agent, queue), { state }, limit),
        ['ID', 'STATE', 'ACTION', 'SINCE', 'ATTEMPTS', 'PATHS', 'ERROR'],
        (item) => [
          ...[item.id, item.state, item.action, item.enqueuedAt, String(item.attempts), short(item.paths)],
          item.error === undefined ? '' : plain(`${item.error.code}: ${item.error.detail}`),
        ],
      ),
  )
  for (const [verb, description] of [
    ['pause', 'Lets a queue stand still.'],
    ['resume', 'Lets a queue go on.'],
    ['retry', 'Tries the head of a queue now.'],
    ['clear', 'Removes all items that are not being delivered.'],
  ] as const)
    speaks(
      group
        .command(verb)
        .description(description)
        .argument('<AGENT>')
        .argument('<QUEUE>')
        .option(...reasonOption),
      async (client, agent: string, queue: string, { reason }: Reasoned) =>
        send(client, `${pathOf(agent, queue)}/${verb}`, reason === undefined ? undefined : { reason }),
    )
  addItemCommands(group)
}

const reasonOption = ['--reason <TEXT>', 'kept in the history'] as const

function addItemCommands(group: Command): void {
  const ofItem = (verb: string, description: string): Command =>
    group.command(verb).description(description).argument('<AGENT>').argument('<QUEUE>').argument('<ITEM>')
  speaks(
    ofItem('skip', 'Goes on without an item.').requiredOption(...reasonOption),
    async (client, agent: string, queue: string, item: string, { reason }: Reasoned) =>
      send(client, `${itemPath(agent, queue, item)}/skip`, { reason }),
  )
  speaks(
    ofItem('remove', 'Takes an item out of its queue.').option(...reasonOption),
    async (client, agent: string, queue: string, item: string, { reason }: Reasoned) => {
      const { body } = await client.server.call<QueueView>('DELETE', itemPath(agent, queue, item), {
        query: { reason },
      })
      await show(client, body)
    },
  )
  speaks(
    ofItem('move', 'Moves an item to the error queue of its queue, or back.')
      .requiredOption('--to <QUEUE>', 'error-QUEUE, or from there QUEUE')
      .option(...reasonOption),
    async (client, agent: string, queue: string, item: string, options: Reasoned & { to: string }) =>
      send(client, `${itemPath(agent, queue, item)}/move`, {
        to: options.to,
        ...(options.reason !== undefined && { reason: options.reason }),
      }),
  )
}

function pathOf(agent: string, queue: string): string {
  return `/agent/${segment(agent)}/queues/${segment(queue)}`
}

function itemPath(agent: string, queue: string, item: string): string {
  return `${pathOf(agent, queue)}/items/${segment(item)}`
}

async function send(client: Client, path: string, json: object | undefined): Promise<void> {
  const { body } = await client.server.post<QueueView>(path, json === undefined ? {} : { json })
  await show(client, body)
}

function show({ output }: Client, queue: QueueView): Promise<void> {
  return printOne(output, queue, (one) => table(heads, [row(one)]))
}

function row({ name, state, size, oldestAt = '', blockedBy }: QueueView): string[] {
  const why = blockedBy === undefined ? '' : `${blockedBy.item}: ${blockedBy.error.code}: ${blockedBy.error.detail}`
  return [name, state, String(size), oldestAt, plain(why)]
}
