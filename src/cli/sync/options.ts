import { InvalidArgumentError, Option, type Command } from 'commander'
import type { DeleteGuard } from '../../endpoints/endpoint.ts'
import { faultInGlob, type Filter } from '../../resources/glob.ts'
import { usage } from '../ending.ts'
import { addHttpOptions, httpOptionsOf, listed, type HttpOptions, type ParsedHttp } from './http-options.ts'

export type Format = 'json' | 'yaml'
export type Output = 'text' | 'json' | 'ndjson'

/** What the command line asks for, beside its endpoints. */
export interface SyncOptions {
  /** Absent: as the destination has it. */
  readonly format?: Format
  readonly schema: 'hal' | 'simple'
  readonly follow: 'all' | 'child' | 'page' | 'none'
  readonly rm: boolean
  readonly update: boolean
  /** The guard, where what the origins do not have is to be deleted. */
  readonly deletes?: DeleteGuard
  readonly atomic: boolean
  readonly continueOnError: boolean
  /** Change nothing: say what would change, or show it too. */
  readonly plan?: 'names' | 'diff'
  readonly output: Output
  readonly verbose: boolean
  /** The first that matches decides; what none matches is included. */
  readonly filters: readonly Filter[]
  readonly http: HttpOptions
}

interface Parsed extends ParsedHttp {
  readonly rm?: boolean
  readonly update?: boolean
  readonly delete?: boolean
  readonly maxDelete?: DeleteGuard
  readonly atomic?: boolean
  readonly continueOnError?: boolean
  readonly dryRun?: boolean
  readonly diff?: boolean
  readonly output: Output
  readonly verbose?: boolean
  readonly include?: readonly string[]
  readonly exclude?: readonly string[]
}

/** As the server's agents have it when nothing is said. */
const usualGuard: DeleteGuard = { maxPercent: 50, maxCount: 1000 }

/** Of several that say the same thing differently, the last on the line is meant; the others are not heard. */
interface LastWins {
  format?: Format
  schema: SyncOptions['schema']
  follow: SyncOptions['follow']
}

/** Adds the options to the command; what it answers is asked once the line has been parsed. */
export function addSyncOptions(command: Command): () => SyncOptions {
  const last: LastWins = { schema: 'hal', follow: 'page' }
  const switches: readonly (readonly [string, string, Partial<LastWins>])[] = [
    [
      '-j, --json',
      'write JSON (a directory: .json files; a REST service; -: a line for each resource)',
      { format: 'json' },
    ],
    ['-y, --yaml', 'write YAML; usual for everything but REST services', { format: 'yaml' }],
    ['--hal', 'documents name themselves as HAL does: id, _links.self (usual)', { schema: 'hal' }],
    ['-s, --simple', 'documents name themselves plainly: id, type, uri', { schema: 'simple' }],
    ['-a, --follow-all', 'from a REST service: follow all links', { follow: 'all' }],
    ['-c, --follow-child', 'follow links to children and pages', { follow: 'child' }],
    ['-p, --follow-page', 'follow links to further pages (usual)', { follow: 'page' }],
    ['-n, --follow-none', 'follow no links', { follow: 'none' }],
  ]
  for (const [flags, description, meaning] of switches) {
    const option = new Option(flags, description)
    command.addOption(option).on(`option:${option.name()}`, () => Object.assign(last, meaning))
  }
  addDestinationOptions(command)
  addHttpOptions(command)
  return () => optionsOf(command.opts<Parsed>(), last)
}

function addDestinationOptions(command: Command): void {
  command
    .option('--rm', 'replace what the destination holds: a file is written anew, of a directory only resources go')
    .option('--update', 'change a file that exists: put resources into it, and keep its others')
    .option('--delete', 'delete resources that no origin has, within the guard')
    .option('--max-delete <N|N%>', 'the guard: refuse to delete more than so many (usual: 1000 and 50%)', guardOf)
    .option('--include <GLOB>', 'only these, of TYPE or TYPE/ID (can be repeated)', listed)
    .option('--exclude <GLOB>', 'not these, whatever --include says (can be repeated)', listed)
    .option('--atomic', 'all or nothing: files, and directories, which are exchanged as a whole')
    .option('--continue-on-error', 'after a failed resource go on with those that do not depend on it')
    .option('--dry-run', 'read everything, write nothing, say what would change')
    .option('--diff', 'as --dry-run, and show the changes; exit status 2 when there are some')
    .addOption(
      new Option('--output <FORMAT>', 'of --dry-run and --diff, and of the summary')
        .choices(['text', 'json', 'ndjson'])
        .default('text'),
    )
    .option('-v, --verbose', 'name what is fetched, each resource that is written, and what is passed over')
}

function optionsOf(parsed: Parsed, last: LastWins): SyncOptions {
  const { delete: deleting = false, maxDelete, include = [], exclude = [] } = parsed
  if (maxDelete !== undefined && !deleting) throw usage('--max-delete goes with --delete')
  const { diff = false, dryRun = false } = parsed
  return {
    ...last,
    ...{ rm: parsed.rm ?? false, update: parsed.update ?? false, atomic: parsed.atomic ?? false },
    ...{ continueOnError: parsed.continueOnError ?? false, output: parsed.output, verbose: parsed.verbose ?? false },
    ...(deleting && { deletes: maxDelete ?? usualGuard }),
    ...((diff || dryRun) && { plan: diff ? 'diff' : 'names' }),
    filters: filtersOf(include, exclude),
    http: httpOptionsOf(parsed),
  }
}

function filtersOf(include: readonly string[], exclude: readonly string[]): Filter[] {
  return [
    ...exclude.map((glob) => ({ exclude: pathGlob(glob) })),
    ...include.map((glob) => ({ include: pathGlob(glob) })),
    ...(include.length > 0 ? [{ exclude: '/**' }] : []),
  ]
}

/** `foo`, `foo/*`, `f?o/1*`: as paths of documents, and of a type all. Throws a usage error. */
function pathGlob(text: string): string {
  const segments = text.replace(/^\//, '').split('/')
  const glob = `/${segments.join('/')}${segments.length === 1 && text !== '**' ? '/**' : ''}`
  const fault = segments.length > 2 ? 'must be TYPE or TYPE/ID' : faultInGlob(glob)
  if (fault !== undefined) throw usage(`the pattern ${JSON.stringify(text)} ${fault}`)
  return glob
}

function guardOf(text: string): DeleteGuard {
  const [, number, percent] = /^(\d{1,9})(%?)$/.exec(text) ?? []
  if (number === undefined || (percent === '%' && Number(number) > 100))
    throw new InvalidArgumentError('Must be a number of resources, or a percentage')
  return percent === '%'
    ? { maxPercent: Number(number), maxCount: Number.MAX_SAFE_INTEGER }
    : { maxPercent: 100, maxCount: Number(number) }
}
