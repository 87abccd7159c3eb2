import type { Command } from 'commander'
import type { Carried } from '../../packages/manifest.ts'
import { addVerifyCommand, carriedText } from '../keys.ts'
import { positive } from '../numbers.ts'
import { say } from '../say.ts'
import { outputTo } from './download.ts'
import { segment, speaks } from './options.ts'
import { pages, printList, printOne } from './print.ts'
import { short } from './commands.ts'

interface PackageView {
  readonly id: string
  readonly createdAt: string
  readonly agent?: string
  readonly command?: string
  readonly action: string
  readonly mode?: string
  readonly roots: readonly string[]
  readonly entries: number
  readonly bytes: number
  readonly carries?: Carried
}

/** `trebuchet package …` */
export function addPackageCommands(program: Command): void {
  const group = program
    .command('package')
    .description('Looks at packages, fetches and deletes them.')
    .addHelpText('after', '\nTo bring a package to a server is to import it: trebuchet import --agent NAME FILE')
  speaks(
    group.command('list').description('Lists packages.').option('--limit <N>', 'at most so many', positive, 50),
    async (client, { limit }: { limit: number }) =>
      printList(
        client.output,
        pages<PackageView>(client, '/packages', {}, limit),
        ['ID', 'CREATED', 'AGENT', 'ACTION', 'ENTRIES', 'BYTES', 'CARRIES', 'ROOTS'],
        (one) => [
          ...[one.id, one.createdAt, one.agent ?? '', one.action, String(one.entries), String(one.bytes)],
          one.carries === undefined ? 'all' : textOf(one.carries),
          short(one.roots),
        ],
      ),
  )
  speaks(group.command('get').description('Shows a package.').argument('<ID>'), async (client, id: string) => {
    const { body } = await client.server.get<PackageView>(`/packages/${segment(id)}`)
    await printOne(client.output, body, (one) =>
      Object.entries(one)
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => `${name}: ${Array.isArray(value) ? value.map(textOf).join(' ') : textOf(value)}`)
        .join('\n'),
    )
  })
  speaks(
    group
      .command('download')
      .description('Writes the zip of a package to a file.')
      .argument('<ID>')
      .argument('[FILE]', '- is standard output (usual: ID.zip)'),
    async (client, id: string, file: string | undefined) => {
      await outputTo(client, `/packages/${segment(id)}/content`, file ?? `${id}.zip`)
    },
  )
  addVerifyCommand(group)
  speaks(
    group.command('delete').description('Deletes a package that no queue refers to.').argument('<ID>'),
    async ({ server }, id: string) => {
      await server.call('DELETE', `/packages/${segment(id)}`)
      say(`package ${id} is deleted`)
    },
  )
}

/** A root or a part as it is; of a signature whose it is, and whether it holds; of a delta what it carries. */
function textOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  if ('ofFiles' in value) return carriedText(value as Carried)
  return Object.values(value).join(':')
}
