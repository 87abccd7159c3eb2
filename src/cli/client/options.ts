import { Option, type Command } from 'commander'
import { certificatesIn, type CertificateFiles } from '../certificates.ts'
import { guarded, usage } from '../ending.ts'
import type { Server } from './server.ts'

export type Output = 'text' | 'json' | 'ndjson'

interface Parsed {
  readonly server?: string
  readonly tokenEnv?: string
  readonly output?: Output
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
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
    .option('--ca <FILE>', 'the authorities that sign for the server, in PEM (TREBUCHET_CA)')
    .option('--cert <FILE>', 'our own certificate, in PEM, with --key (TREBUCHET_CERT)')
    .option('--key <FILE>', 'the key of that certificate (TREBUCHET_KEY)')
    .addOption(new Option('--output <FORMAT>').choices(['text', 'json', 'ndjson']).default('text'))
    .action((...given: unknown[]) => {
      const { server, tokenEnv, output = 'text', ...named } = command.opts<Parsed>()
      const token = process.env[tokenEnv ?? usualTokenEnv]
      return guarded('interrupted', async (signal) => {
        if (tokenEnv !== undefined && !token) throw usage(`the environment variable ${tokenEnv} is not set`)
        // Every command is known at the start, and few speak HTTP, which takes as long to load as all else.
        const { Server } = await import('./server.ts')
        const url = server ?? process.env['TREBUCHET_SERVER'] ?? usualServer
        const tls = await certificatesIn(certificatesOf(named))
        const client = { server: new Server(url, token === '' ? undefined : token, signal, tls), output, signal }
        return work(client, ...(given.slice(0, -1) as Args))
      })
    })
}

/** Files by what they hold; throws a usage error for half a pair. */
function certificatesOf({ ca, cert, key }: Parsed): CertificateFiles {
  const { TREBUCHET_CA, TREBUCHET_CERT, TREBUCHET_KEY } = process.env
  // A pair comes from one place.
  const [ownCert, ownKey] = (cert ?? key) ? [cert, key] : [TREBUCHET_CERT, TREBUCHET_KEY]
  const found = Object.entries({ ca: ca ?? TREBUCHET_CA, cert: ownCert, key: ownKey }).filter(([, file]) => file)
  const files: CertificateFiles = Object.fromEntries(found)
  if ((files.cert === undefined) !== (files.key === undefined)) throw usage('--cert and --key go together')
  return files
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
