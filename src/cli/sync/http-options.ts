/** What the command line says of the REST services among its endpoints, of origins and destination alike. */
import { InvalidArgumentError, Option, type Command } from 'commander'
import type { RestOptions } from '../../endpoints/rest/options.ts'
import { usage } from '../ending.ts'
import { positive } from '../numbers.ts'

export interface HttpOptions {
  readonly username?: string
  readonly passwordEnv?: string
  /** Name of an environment variable, by the origin of the server that gets its value; '' is every server named. */
  readonly tokenEnvs: ReadonlyMap<string, string>
  /** Names of files in PEM. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string }
  /** As the kind `rest` has them. */
  readonly service: Partial<RestOptions>
}

export interface ParsedHttp {
  readonly username?: string
  readonly passwordEnv?: string
  readonly tokenEnv?: ReadonlyMap<string, string>
  readonly header?: Record<string, string>
  readonly batchSize?: number
  readonly limit?: number
  readonly maxAttempts?: number
  readonly concurrency?: number
  readonly timeout?: number
  readonly listing?: 'pages' | 'webdav'
  readonly collection?: Record<string, string>
  readonly ignore?: string[]
  readonly rewrite?: { from: string; to: string }[]
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

/**
 * Twice what an agent of a server has, of which many may write to one service at a time: somebody waits for this run, it is
 * alone, and servers that are made for people take more connections than this from a single page of readers.
 */
const usualConcurrency = 64

export function addHttpOptions(command: Command): void {
  command
    .option('--username <TEXT>', 'for REST services; the password is asked for on the terminal')
    .option('--password-env <NAME>', 'take the password from this environment variable')
    .option('--token-env <[ORIGIN=]NAME>', 'bearer token from this variable, for all servers or for one', tokenOf)
    .option('--header <NAME: VALUE>', 'send this too (can be repeated)', headerOf)
    .option('-b, --batch-size <INT>', 'write so many resources with one PATCH, where the service can', positive)
    .option('-l, --limit <INT>', 'ask for so many resources in one page', positive)
    .option('-m, --max-attempts <INT>', 'try each request so many times', positive)
    .option('--concurrency <INT>', `so many requests at a time (usual: ${usualConcurrency})`, positive)
    .option('--timeout <SECONDS>', 'give a request up after so long', seconds)
    .addOption(
      new Option('--listing <HOW>', 'pages of documents (usual), or the files of a WebDAV server').choices([
        'pages',
        'webdav',
      ]),
    )
    .option('--collection <TYPE[=PATH]>', 'where a type is listed, from the address on (can be repeated)', collectionOf)
    .option('--ignore <POINTER>', 'a member that the service makes by itself: /_rev (can be repeated)', ignored)
    .option('--rewrite <FROM=TO>', 'links that begin with FROM begin with TO there (can be repeated)', rewriteOf)
    .option('--ca <FILE>', 'the authorities that sign for the services (PEM)')
    .option('--cert <FILE>', 'our own certificate for the services named (PEM), with --key')
    .option('--key <FILE>', 'the key of that certificate (PEM)')
}

/** Throws a usage error. */
export function httpOptionsOf(parsed: ParsedHttp): HttpOptions {
  if (parsed.passwordEnv !== undefined && parsed.username === undefined)
    throw usage('--password-env goes with --username')
  if (parsed.username !== undefined && parsed.tokenEnv !== undefined)
    throw usage('--username and --token-env are two ways to say who you are: give one')
  const { ca, cert, key } = parsed
  if ((cert === undefined) !== (key === undefined)) throw usage('--cert and --key go together')
  if (parsed.listing === 'webdav' && parsed.collection !== undefined)
    throw usage('--collection is for services with pages: a WebDAV server lists its folders itself')
  return {
    tokenEnvs: parsed.tokenEnv ?? new Map<string, string>(),
    ...(parsed.username !== undefined && { username: parsed.username }),
    ...(parsed.passwordEnv !== undefined && { passwordEnv: parsed.passwordEnv }),
    tls: {
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
    },
    service: {
      ...(parsed.header !== undefined && { headers: parsed.header }),
      // More than the kind admits is as much as it does.
      ...(parsed.batchSize !== undefined && { batchSize: Math.min(parsed.batchSize, 10_000) }),
      ...(parsed.limit !== undefined && { limit: Math.min(parsed.limit, 100_000) }),
      ...(parsed.maxAttempts !== undefined && { attempts: Math.min(parsed.maxAttempts, 20) }),
      concurrency: Math.min(parsed.concurrency ?? usualConcurrency, 256),
      ...(parsed.timeout !== undefined && { timeoutMs: Math.min(parsed.timeout * 1000, 600_000) }),
      ...(parsed.listing !== undefined && { listing: parsed.listing }),
      ...(parsed.collection !== undefined && { collections: parsed.collection }),
      ...(parsed.ignore !== undefined && { ignore: parsed.ignore }),
      ...(parsed.rewrite !== undefined && { rewrite: parsed.rewrite }),
    },
  }
}

export function listed(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}

function ignored(text: string, before?: readonly string[]): string[] {
  if (!/^(?:\/(?:[^~/]|~[01])*)+$/.test(text))
    throw new InvalidArgumentError('Must be a JSON pointer, such as /_rev or /meta/updatedAt')
  return listed(text, before)
}

function rewriteOf(text: string, before: readonly { from: string; to: string }[] = []): { from: string; to: string }[] {
  const [, from, to] = /^([^=]+)=(.+)$/.exec(text) ?? []
  if (from === undefined || to === undefined)
    throw new InvalidArgumentError('Must be FROM=TO, such as https://author.example/api=https://publish.example/api')
  return [...before, { from, to }]
}

function collectionOf(text: string, before: Record<string, string> = {}): Record<string, string> {
  const [, type, path] = /^([^=]+)(?:=(.+))?$/.exec(text) ?? []
  if (type === undefined) throw new InvalidArgumentError('Must be TYPE, or TYPE=PATH')
  return { ...before, [type]: path ?? encodeURIComponent(type) }
}

function seconds(text: string): number {
  const value = Number(text)
  if (!/^\d+(?:\.\d+)?$/.test(text) || value <= 0 || value > 86_400)
    throw new InvalidArgumentError('Must be a number of seconds, up to a day')
  return value
}

function tokenOf(text: string, before: ReadonlyMap<string, string> = new Map()): ReadonlyMap<string, string> {
  const at = text.lastIndexOf('=')
  const [url, name] = at < 0 ? ['', text] : [text.slice(0, at), text.slice(at + 1)]
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
    throw new InvalidArgumentError('Must be the name of an environment variable, not the token itself')
  if (at >= 0 && !URL.canParse(url)) throw new InvalidArgumentError('Must be ORIGIN=NAME, such as https://host=TOKEN')
  return new Map([...before, [url === '' ? '' : new URL(url).origin, name]])
}

function headerOf(text: string, before: Record<string, string> = {}): Record<string, string> {
  const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):\s*(.*?)\s*$/.exec(text) ?? []
  if (name === undefined || value === undefined) throw new InvalidArgumentError('Must be NAME: VALUE')
  return { ...before, [name.toLowerCase()]: value }
}
