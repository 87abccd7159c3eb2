import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeLoose } from '../../packages/loose.ts'
import type { PackageFile, PackageSummary } from '../../packages/manifest.ts'
import { includes } from '../../resources/glob.ts'
import { rootPath } from '../../resources/path.ts'
import type { Resource } from '../../resources/resource.ts'
import { Ending, exitCodes, usage } from '../ending.ts'
import { Progress } from '../progress.ts'
import { say, tell } from '../say.ts'
import { deliver } from './deliver.ts'
import { endpointOf, refuseOverlap } from './endpoints.ts'
import { merged } from './merge.ts'
import type { Named } from './named.ts'
import type { SyncOptions } from './options.ts'
import { Rate } from './rate.ts'
import { secretsFor } from './secrets.ts'
import { recover } from './staged.ts'
import { startWriter } from './threads.ts'

/**
 * Reads all origins completely, into one temporary package, and only then writes the destination, or shows what it would.
 * Answers the exit code; throws an Ending, or what a kind throws.
 */
export async function sync(args: readonly string[], options: SyncOptions, signal: AbortSignal): Promise<number> {
  const { origins, destination } = await endpointsOf(args, options, signal)
  await refuseImpossible(origins, destination, options)
  if (options.plan === undefined) await recover(destination)
  if (options.plan === undefined) startWriter(destination)
  const folder = await mkdtemp(join(tmpdir(), 'trebuchet-sync-'))
  try {
    const { file, summary } = await collect(origins, destination, options, join(folder, 'resources'), signal)
    const ready = { file, pkg: summary, destination, options }
    if (options.plan === undefined) return await deliver(ready, signal)
    const { showPlan } = await import('./plan.ts')
    return await showPlan(ready, signal)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function endpointsOf(
  args: readonly string[],
  options: SyncOptions,
  signal: AbortSignal,
): Promise<{ origins: Named[]; destination: Named }> {
  const last = args.at(-1)
  if (last === undefined) throw usage("Missing argument 'DESTINATION'.")
  const secrets = await secretsFor(options.http, args.filter((one) => /^https?:/i.test(one)).length, signal)
  const destination = await endpointOf(last, 'destination', options, secrets)
  const origins: Named[] = []
  for (const one of args.slice(0, -1)) origins.push(await endpointOf(one, 'origin', options, secrets))
  return { origins, destination }
}

async function refuseImpossible(origins: readonly Named[], destination: Named, options: SyncOptions): Promise<void> {
  const { rm: anew, update, deletes, atomic, plan, output } = options
  const { argument, medium, path } = destination
  await refuseOverlap(origins, destination)
  if (origins.filter((one) => one.medium === 'pipe').length > 1)
    throw usage('standard input can be read only once: name - as one origin')
  if (anew && update) throw usage('--rm and --update are two ways to treat what is there: give one')
  if (deletes !== undefined && origins.length === 0)
    throw usage('--delete needs an origin: without one it would delete everything')
  if (atomic && (medium === 'rest' || medium === 'pipe'))
    throw usage(`--atomic is not possible with ${argument}: what it was sent can not be taken back`)
  if (medium === 'pipe' && output !== 'text' && plan === undefined)
    throw usage('--output and the destination - both need standard output')
  const isGiven = anew || update || deletes !== undefined || plan !== undefined
  if (medium === 'file' && path !== undefined && !isGiven && (await stat(path).catch(() => undefined)) !== undefined)
    throw new Ending(
      exitCodes.failed,
      `File already exists: ${argument}; perhaps you mean to use '--rm'? (or --update, to put resources into it)`,
    )
}

async function collect(
  origins: readonly Named[],
  { path, medium }: Named,
  options: SyncOptions,
  file: string,
  signal: AbortSignal,
): Promise<{ readonly file: PackageFile; readonly summary: PackageSummary }> {
  const { filters, deletes, rm: anew, verbose } = options
  const isIncluded = includes(filters)
  const progress = new Progress(process.stderr)
  const rate = new Rate('read')
  let passed = 0
  const streams = origins.map((origin) => {
    tell(`Reading resources from: ${origin.label}`)
    const note = (text: string): void => {
      passed++
      if (verbose) say(`${origin.label}: ${text}`)
    }
    const given = filters.length > 0 ? { includes: isIncluded } : {}
    return { label: origin.label, resources: origin.source().read(rootPath, { deep: true, note, signal, ...given }) }
  })
  async function* resources(): AsyncGenerator<Resource> {
    let entries = 0
    for await (const resource of merged(streams, signal)) {
      yield resource
      entries++
      progress.show(() => rate.line(entries))
    }
  }
  const isMirror = deletes !== undefined || (anew && medium === 'directory' && path !== undefined)
  try {
    return await writeLoose(
      {
        ...{ format: 1, action: 'add', mode: isMirror ? 'mirror' : 'update', roots: [rootPath] },
        ...(isMirror && filters.length > 0 && { filters }),
      },
      resources(),
      { file, signal },
    )
  } finally {
    progress.end()
    if (passed > 0 && !verbose) say(`${passed} things that are no resources were passed over; -v names them`)
  }
}
