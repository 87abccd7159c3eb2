import { Option, type Command } from 'commander'
import { guarded, usage } from '../ending.ts'
import type { Server } from './server.ts'

export type Output = 'text' | 'json' | 'ndjson'

interface Parsed {
  readonly server?: string
  readonly tokenEnv?: string
  readonly output?: Output
}

/** What every command that speaks with a server has to work with. */
export interface Client {
  readonly server: Server
  readonly output: Output
  readonly signal: AbortSignal
}

const usualServer = 'http://127.0.0.1:8080'
const usualTokenEnv = 'TREBUCHET_TOKEN'

/**
 * Makes a command one that speaks with a server. `work` gets the arguments and options as commander has them, and answers
 * the exit code, 0 when it answers none.
 */
export function speaks<Args extends unknown[]>(
  command: Command,
  work: (client: Client, ...args: Args) => Promise<number | void>,
): Command {
  return command
    .option('--server <URL>', `where the server is (TREBUCHET_SERVER, or else ${usualServer})`)
    .option('--token-env <NAME>', `the environment variable that holds the token (usual: ${usualTokenEnv})`)
    .addOption(new Option('--output <FORMAT>').choices(['text', 'json', 'ndjson']).default('text'))
    .action((...given: unknown[]) => {
      const { server, tokenEnv, output = 'text' } = command.opts<Parsed>()
      const token = process.env[tokenEnv ?? usualTokenEnv]
      return guarded('interrupted', async (signal) => {
        if (tokenEnv !== undefined && !token) throw usage(`the environment variable ${tokenEnv} is not set`)
        // Every command is known at the start, and few speak HTTP, which takes as long to load as all else.
        const { Server } = await import('./server.ts')
        const url = server ?? process.env['TREBUCHET_SERVER'] ?? usualServer
        const client = { server: new Server(url, token === '' ? undefined : token, signal), output, signal }
        return work(client, ...(given.slice(0, -1) as Args))
      })
    })
}

/** As one segment of an address. */
export function segment(text: string): string {
  if (text === '' || text === '.' || text === '..') throw usage(`${JSON.stringify(text)} is no name`)
  return encodeURIComponent(text)
}

/** For options that can be repeated. */
export function listed(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}
