/** Deleting documents: children before their parents. */
import { levelsOf, type Dependent } from '../../documents/levels.ts'
import { nameAt, pathOf } from '../../documents/names.ts'
import { comparePaths, isWithin, type ResourcePath } from '../../resources/path.ts'
import { keyOf } from './address.ts'
import { digestOf } from './form.ts'
import { allInStep } from './in-step.ts'
import { refusal } from './patience.ts'
import type { Removal } from './plan.ts'
import type { Results } from './results.ts'
import { documentsOf } from './source.ts'
import type { Service } from './service.ts'

/** A document that the service has: its names, without its content. */
export interface Held extends Dependent {
  readonly path: ResourcePath
  readonly uri: string
  readonly digest: string
}

/** All that the service has, in path order. Throws when the listing is not all. */
export async function heldBy(service: Service, signal: AbortSignal): Promise<Map<ResourcePath, Held>> {
  const held: Held[] = []
  for await (const found of documentsOf(service, { signal, mayBeAbsent: true })) {
    const { parents } = found
    // Many services keep links as they came, from wherever that was.
    const isOwn = new URL(found.uri).origin === service.client.origin
    const uri = isOwn ? found.uri : service.addresses.placeOf(found, found.uri)
    const after = parents.flatMap((parent) => keyOf(parent, uri) ?? [])
    held.push({ path: pathOf(found), uri, digest: digestOf(found.value), key: keyOf(uri, uri) ?? uri, after })
  }
  return new Map(held.toSorted((one, other) => comparePaths(one.path, other.path)).map((one) => [one.path, one]))
}

/** With the folders that they lie in, as a list of the target names them. */
export function* pathsOf(held: ReadonlyMap<ResourcePath, Held>): Generator<ResourcePath, void, void> {
  let folder = ''
  for (const path of held.keys()) {
    const type = path.slice(0, path.indexOf('/', 1))
    if (type !== folder) yield type as ResourcePath
    folder = type
    yield path
  }
}

/** Those that are to go, and where they are; what is not known to be there is looked for where it would have been written. */
export function goingOf(service: Service, removals: readonly Removal[], held: ReadonlyMap<ResourcePath, Held>): Held[] {
  const going = new Map<ResourcePath, Held>()
  for (const { path, deep } of removals) {
    const name = nameIn(path)
    if (name === undefined) {
      if (!deep) continue
      for (const one of held.values()) if (isWithin(one.path, path)) going.set(one.path, one)
      continue
    }
    const known = held.get(path)
    const place = known?.uri ?? service.addresses.placeOf(name, undefined)
    going.set(path, known ?? { path, uri: place, digest: '', key: keyOf(place, place) ?? place, after: [] })
  }
  return [...going.values()]
}

function nameIn(path: ResourcePath): ReturnType<typeof nameAt> {
  try {
    return nameAt(path)
  } catch {
    // No document can be called so: there is none.
    return undefined
  }
}

export async function removeAll(
  service: Service,
  going: readonly Held[],
  { results, signal, check }: { readonly results: Results; readonly signal: AbortSignal; readonly check: () => void },
): Promise<void> {
  const { levels, cycles, stuck } = levelsOf(going)
  // They hold each other: whichever goes first, its service decides.
  const last = [...cycles.flat(), ...stuck]
  for (const level of [last, ...levels.toReversed()])
    await allInStep(level, service.chosen.concurrency, async (one) => {
      if (results.isStopped) return results.skip(one.path, one.key, 'not begun, because of what failed before')
      check()
      try {
        const wasThere = await remove(service, one.uri, signal)
        if (wasThere) results.done(one.path, 'deleted')
      } catch (error) {
        signal.throwIfAborted()
        results.fail(one.path, one.key, error)
      }
    })
}

async function remove({ client }: Service, uri: string, signal: AbortSignal): Promise<boolean> {
  let reply = await client.ask('DELETE', uri, { signal })
  if ([409, 412, 428].includes(reply.status)) {
    // It wants to hear which revision is meant.
    const { headers } = await client.ask('GET', uri, { signal })
    if (typeof headers['etag'] === 'string')
      reply = await client.ask('DELETE', uri, { signal, headers: { 'if-match': headers['etag'] } })
  }
  reply.rest?.destroy()
  if (reply.status === 404 || reply.status === 410) return false
  if (reply.status >= 300) throw refusal('DELETE', uri, reply)
  return true
}
