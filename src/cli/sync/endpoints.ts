import { lstat, stat } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { overlap } from '../../endpoints/apart.ts'
import { Ending, exitCodes, usage } from '../ending.ts'
import { tell } from '../say.ts'
import { fileAt, folderAt, serviceAt, type Named } from './named.ts'
import { nowhere } from './nowhere.ts'
import type { SyncOptions } from './options.ts'
import { pipe } from './pipe.ts'
import { certificatesIn } from '../certificates.ts'
import type { Secrets } from './secrets.ts'

type Role = 'origin' | 'destination'

const endings = { '.yaml': 'yaml', '.yml': 'yaml', '.json': 'json', '.ndjson': 'ndjson', '.jsonl': 'ndjson' } as const

/**
 * What an argument means; the first that fits: `-`, `null`, a URL, an existing directory, the name of a file by its ending, a
 * directory yet to be made. Throws usage errors.
 */
export async function endpointOf(argument: string, role: Role, options: SyncOptions, secrets: Secrets): Promise<Named> {
  const { format, schema } = options
  if (argument === '-') return pipe(format ?? 'yaml', schema)
  if (argument === 'null' || argument === '/dev/null') return nowhere(argument)
  if (/^https?:\/\//i.test(argument)) return restOf(argument, options, secrets)
  return onDisk(argument, role, options)
}

async function onDisk(argument: string, role: Role, { format, schema }: SyncOptions): Promise<Named> {
  const path = resolve(argument)
  const stats = await stat(path).catch(() => undefined)
  const ending = Object.keys(endings).find((one) => basename(path).toLowerCase().endsWith(one)) as
    keyof typeof endings | undefined
  if (ending !== undefined && stats?.isDirectory() !== true) {
    const name = endings[ending] === 'yaml' ? 'YAMLFileEndpoint' : 'JSONFileEndpoint'
    if (stats !== undefined && !stats.isFile()) throw new Ending(exitCodes.failed, `Not a file: ${argument}`)
    if (role === 'origin' && stats === undefined) throw new Ending(exitCodes.failed, `No such file: ${argument}`)
    const own = endings[ending] === 'yaml' ? 'yaml' : 'json'
    if (role === 'destination' && format !== undefined && format !== own)
      throw usage(`Cannot use ${format.toUpperCase()} format ${name}`)
    return fileAt(argument, `${name}('${argument}')`, { path, format: endings[ending], schema })
  }
  const label = `DirectoryEndpoint('${argument}')`
  if (stats !== undefined && !stats.isDirectory())
    throw usage(
      `${role === 'origin' ? 'Not such directory' : 'Not a directory'}: ${argument}; a file is known by its ending: ${Object.keys(endings).join(', ')}`,
    )
  if (stats === undefined && (await lstat(dirname(path)).catch(() => undefined)) === undefined)
    throw usage(`Unsupported endpoint format: ${argument}`)
  if (stats === undefined && role === 'origin') throw new Ending(exitCodes.failed, `Not such directory: ${argument}`)
  return folderAt(argument, label, { root: path, format: format ?? 'yaml', schema })
}

async function restOf(
  argument: string,
  { format, schema, follow, http, verbose }: SyncOptions,
  secrets: Secrets,
): Promise<Named> {
  if (!URL.canParse(argument)) throw usage(`Unsupported endpoint format: ${argument}`)
  const url = new URL(argument)
  if (url.username !== '' || url.password !== '')
    throw usage('an address must not hold a password, which others see: use --username, or --token-env')
  if (url.hash !== '') throw usage(`an address of a service has no fragment: ${argument}`)
  const [auth, tls] = [secrets.authFor(url.origin), await certificatesIn(http.tls)]
  const given = {
    ...{ url: url.href, schema, follow, format: format ?? 'json', ...http.service },
    ...(auth !== undefined && { auth }),
    ...(tls !== undefined && { tls }),
  }
  return serviceAt(argument, `HTTPEndpoint('${argument}')`, given, verbose ? sayAsking : undefined)
}

function sayAsking(method: string, uri: string): void {
  if (method === 'GET') tell(`Fetching resource(s) from: ${uri}`)
  if (method === 'PATCH') tell(`Batch updating resource(s) for: ${uri}`)
}

/** Throws a usage error where the destination is an origin, holds one or lies within one, however they are written. */
export async function refuseOverlap(origins: readonly Named[], destination: Named): Promise<void> {
  const place = await placeOf(destination)
  for (const origin of origins) {
    const other = await placeOf(origin)
    if (!overlap(place, other)) continue
    throw usage(
      place.length === other.length
        ? 'origin and destination may not be the same'
        : `${place.length < other.length ? `${destination.argument} holds ${origin.argument}` : `${destination.argument} lies within ${origin.argument}`}: origin and destination may not overlap`,
    )
  }
}

async function placeOf({ place, argument }: Named): Promise<readonly string[]> {
  try {
    return await place()
  } catch (error) {
    throw usage(`${argument}: ${(error as Error).message}`)
  }
}
