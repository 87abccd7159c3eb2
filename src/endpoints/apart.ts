import { ReplicationError } from '../errors.ts'
import type { EndpointKind } from './endpoint.ts'

/**
 * The kinds, refusing every endpoint that holds one of the places or lies within one: a target there would destroy what the
 * server lives on, a source there would hand its secrets on.
 */
export function apartFrom(kinds: readonly EndpointKind[], places: readonly (readonly string[])[]): EndpointKind[] {
  return kinds.map((kind) => ({
    ...kind,
    place: async (options) => {
      const place = await kind.place(options)
      if (places.some((own) => overlap(own, place)))
        throw new ReplicationError('invalid', 'lies where the server keeps its own data; choose another place')
      return place
    },
  }))
}

/** Whether one of the two places holds the other, or they are the same. */
export function overlap(a: readonly string[], b: readonly string[]): boolean {
  return a.slice(0, b.length).every((segment, i) => segment === b[i])
}
