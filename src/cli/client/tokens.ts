import { InvalidArgumentError, type Command } from 'commander'
import { print, say } from '../say.ts'
import { usage } from '../ending.ts'
import { listed, segment, speaks, type Output } from './options.ts'
import { pages, plain, printList, printOne } from './print.ts'

interface Grant {
  readonly agents: readonly string[]
  readonly can: readonly string[]
}

interface TokenView {
  readonly id: string
  readonly name: string
  readonly rights: readonly Grant[]
  readonly createdAt: string
  readonly expiresAt?: string
  readonly lastUsedAt?: string
  readonly secret?: string
}

/** `publish*,author:read,replicate`: patterns of agents, and what may be done with them. */
function grantIn(text: string): Grant {
  const [agents = '', can = '', more] = text.split(':')
  if (agents === '' || can === '' || more !== undefined) throw usage(`--grant ${text} is not AGENTS:RIGHTS`)
  return { agents: agents.split(','), can: can.split(',') }
}

function seconds(text: string): number {
  const [, number, unit = 's'] = /^(\d{1,7})([smhd]?)$/.exec(text) ?? []
  if (number === undefined) throw new InvalidArgumentError('Must be seconds, or a number with s, m, h or d')
  return Number(number) * ({ s: 1, m: 60, h: 3600, d: 86_400 }[unit === '' ? 's' : unit] ?? 1)
}

/** The secret alone on standard output, so that it can be written to a file without anybody seeing it. */
async function printSecret(output: Output, token: TokenView): Promise<void> {
  if (output !== 'text') return printOne(output, token, () => '')
  say(`token ${token.name} is ${token.id}; this is the only time that it is shown`)
  await print(`${token.secret}\n`)
}

/** `trebuchet token …` */
export function addTokenCommands(program: Command): void {
  const group = program.command('token').description('Makes and revokes the tokens of a server’s callers.')
  speaks(
    group
      .command('create')
      .description('Makes a token and prints it, this once.')
      .argument('<NAME>', 'whom it is for')
      .requiredOption('--grant <AGENTS:RIGHTS>', 'such as publish*:read,replicate; can be repeated', listed)
      .option('--expires-in <TIME>', 'such as 90d', seconds),
    async ({ server, output }, name: string, options: { grant: readonly string[]; expiresIn?: number }) => {
      const { grant, expiresIn } = options
      const expiresAt = expiresIn === undefined ? undefined : new Date(Date.now() + expiresIn * 1000).toISOString()
      const json = { name, rights: grant.map(grantIn), ...(expiresAt !== undefined && { expiresAt }) }
      const { body } = await server.call<TokenView>('POST', '/tokens', { json, once: true })
      await printSecret(output, body)
    },
  )
  speaks(group.command('list').description('Lists tokens, without their secrets.'), async (client) =>
    printList(
      client.output,
      pages<TokenView>(client, '/tokens'),
      ['ID', 'NAME', 'LAST USED', 'EXPIRES', 'RIGHTS'],
      ({ id, name, lastUsedAt = '', expiresAt = '', rights }) => [
        ...[id, name, lastUsedAt, expiresAt],
        plain(rights.map(({ agents, can }) => `${agents.join(',')}:${can.join(',')}`).join(' ')),
      ],
    ),
  )
  speaks(
    group
      .command('rotate')
      .description('Gives a token another secret and prints it, this once.')
      .argument('<ID>')
      .option('--overlap <TIME>', 'how long the one before stays valid, such as 1h (usual: 0)', seconds),
    async ({ server, output }, id: string, { overlap = 0 }: { overlap?: number }) => {
      const json = { overlapSeconds: overlap }
      const { body } = await server.call<TokenView>('POST', `/tokens/${segment(id)}/rotate`, { json, once: true })
      await printSecret(output, body)
    },
  )
  speaks(
    group.command('revoke').description('Makes a token worthless.').argument('<ID>'),
    async ({ server }, id: string) => {
      await server.call('DELETE', `/tokens/${segment(id)}`)
      say(`token ${id} is revoked`)
    },
  )
}
