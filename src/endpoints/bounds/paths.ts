/** Where endpoints may reach on the disk: the setting ALLOWED_PATHS. */
import { ReplicationError } from '../../errors.ts'
import { overlap } from '../apart.ts'
import { placeOf } from '../directory/place.ts'

type Place = readonly string[]

export class PathBounds {
  readonly #allowed: readonly string[]
  readonly #own: readonly string[]

  /** Folders, absolute. `own`: what the server lives on, which nobody may reach although it be allowed. */
  constructor(allowed: readonly string[], own: readonly string[]) {
    this.#allowed = allowed
    this.#own = own
  }

  /**
   * Where the path leads, with the links on its way resolved as far as it exists: to be opened without following any. Throws
   * `forbidden`, `invalid`.
   */
  async demand(path: string): Promise<Place> {
    if (path.split('/').includes('..')) throw refusal('the path of an endpoint that leads up (`..`)')
    const place = await placeOf(path)
    // Asked each time: links among them may lead elsewhere by now.
    if (!(await placesOf(this.#allowed)).some((allowed) => isWithin(place, allowed)))
      throw refusal('the path of this endpoint')
    if ((await placesOf(this.#own)).some((own) => overlap(own, place)))
      throw new ReplicationError(
        'forbidden',
        'the endpoint lies where the server keeps its own files; choose another path',
      )
    return place
  }
}

/** The absolute path, no link on its way, of what may be opened there. Throws `forbidden`, `invalid`. */
export async function plainPath(path: string, paths: PathBounds | undefined): Promise<string> {
  const [, ...segments] = await (paths?.demand(path) ?? placeOf(path))
  return `/${segments.join('/')}`
}

export function isWithin(place: Place, folder: Place): boolean {
  return place.length >= folder.length && overlap(place, folder)
}

export async function placesOf(paths: readonly string[]): Promise<Place[]> {
  return Promise.all(paths.map((path) => placeOf(path)))
}

function refusal(what: string): ReplicationError {
  return new ReplicationError('forbidden', `ALLOWED_PATHS of this server does not admit ${what}`)
}
