/** Which secrets a config may name: the setting SECRETS_PATHS. */
import { ReplicationError } from '../../errors.ts'
import { isWithin, placesOf } from './paths.ts'
import { placeOf } from '../directory/place.ts'

interface Given {
  /** Folders, absolute. */
  readonly allowed: readonly string[]
  /** Files and folders of the server's own, absolute: nobody may name them although they be allowed. */
  readonly own: readonly string[]
  /** Whether the server itself is set up by that variable. */
  readonly isOwnVariable: (name: string) => boolean
}

/**
 * Without bounds, who may configure an agent could have any file and variable of the server sent to a service of his own, as its
 * password: the tokens of others, the key of the state, the password of Redis.
 */
export class SecretBounds {
  readonly #given: Given

  constructor(given: Given) {
    this.#given = given
  }

  /** Throws `forbidden`. */
  demandVariable(name: string): void {
    if (this.#given.isOwnVariable(name))
      throw new ReplicationError('forbidden', `${name} is a variable of the server itself, which no config may name`)
  }

  /** Where it is, no link on its way. Throws `forbidden`, `invalid`. */
  async demandFile(file: string): Promise<string> {
    const place = await placeOf(file)
    const [allowed, own] = [await placesOf(this.#given.allowed), await placesOf(this.#given.own)]
    if (!allowed.some((folder) => isWithin(place, folder)))
      throw new ReplicationError('forbidden', `SECRETS_PATHS of this server does not admit the file ${file}`)
    if (own.some((one) => isWithin(place, one)))
      throw new ReplicationError('forbidden', `the file ${file} is the server's own, which no config may name`)
    return `/${place.slice(1).join('/')}`
  }
}
