/** A new version of an OpenAPI document beside the one that there is. */
import { hash } from 'node:crypto'
import { ReplicationError } from '../../errors.ts'
import { ThreadPool } from '../../threads/pool.ts'
import { maxThreads } from '../directory/job.ts'
import type { Copied, CopyPlan, EndpointContext } from '../endpoint.ts'
import { besideFile, copied } from '../file/copy.ts'
import { taken } from '../file/fresh.ts'
import { whereabouts } from '../file/whereabouts.ts'
import { manyHear } from '../rest/many-hear.ts'
import { shown } from '../rest/reply.ts'
import { ownedBy, type FileOptions, type UrlOptions } from './options.ts'
import { formatNamed, textOf } from './text.ts'
import { Service } from './url.ts'
import type { VersionOrder, Versioned } from './version-thread.ts'

const writers = new ThreadPool(maxThreads)
const thread = new URL('./version-thread.js', import.meta.url)

export function fileCopy(options: FileOptions, place: string): CopyPlan<FileOptions> {
  const { path, format = formatNamed(path) } = options
  const owned = ownedBy(options)
  const to = besideFile(path, place)
  return {
    options: { ...options, path: to },
    place: to,
    make: async (version, { bounds }, signal) => {
      if (version === undefined) return copied({ from: path, to, paths: bounds?.paths }, signal)
      const from = { file: (await whereabouts(path, bounds?.paths)).file }
      const { digest, bytes } = await versioned(
        { from, format, owned, version, to: await whereabouts(to, bounds?.paths) },
        signal,
      )
      return { digest, bytes }
    },
  }
}

/** At the same service, for what we may do there nobody need have allowed elsewhere. */
export function urlCopy(options: UrlOptions, place: string): CopyPlan<UrlOptions> {
  const to = URL.canParse(place, options.url) ? new URL(place, options.url) : undefined
  if (to === undefined || to.origin !== new URL(options.url).origin || to.username + to.password + to.hash !== '')
    throw new ReplicationError(
      'invalid',
      `the new version must be at ${new URL(options.url).origin}, as the document is`,
    )
  const chosen = { ...options, url: to.href }
  return {
    options: chosen,
    place: to.href,
    make: (version, context, signal) => copyUrl(options, chosen, { version, context, signal }),
  }
}

async function copyUrl(
  from: UrlOptions,
  to: UrlOptions,
  asked: { readonly version: string | undefined; readonly context: EndpointContext; readonly signal: AbortSignal },
): Promise<Copied> {
  const { version, context } = asked
  const signal = manyHear(AbortSignal.any([asked.signal]))
  const [old, fresh] = [new Service(from, context), new Service(to, context)]
  try {
    const held = await old.get(signal)
    if (held === undefined)
      throw new ReplicationError('missing', `nothing is at ${shown(from.url)} that could be copied`)
    const owned = ownedBy(from)
    const text =
      version === undefined
        ? textOf(held.bytes)
        : (await versioned({ from: { bytes: held.bytes }, format: held.format, owned, version }, signal)).text
    // Not every service keeps to the condition of what is sent, so it is asked before.
    if ((await fresh.get(signal)) !== undefined || !(await fresh.create(text, held, signal))) throw taken()
    const written = await fresh.get(signal)
    if (written === undefined || textOf(written.bytes) !== text)
      throw new ReplicationError('rejected', `${shown(to.url)} took what was written, but does not answer it`)
    return { digest: hash('sha256', text), bytes: Buffer.byteLength(text) }
  } finally {
    await Promise.all([old.client.close(), fresh.client.close()])
  }
}

function versioned(order: VersionOrder, signal: AbortSignal): Promise<Versioned> {
  signal.throwIfAborted()
  return writers.run<VersionOrder, Versioned>(thread, order, signal)
}
