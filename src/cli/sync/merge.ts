import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { comparePaths, type ResourcePath } from '../../resources/path.ts'
import type { Content, Resource } from '../../resources/resource.ts'
import { counted } from '../say.ts'
import { Ending, exitCodes } from '../ending.ts'
import { ReplicationError } from '../../errors.ts'

/** One origin's resources, in path order. */
export interface Stream {
  readonly label: string
  readonly resources: AsyncIterable<Resource>
}

const namedConflicts = 10

/**
 * The documents of all origins as one stream in path order. What several have and say alike comes once. Reads to the end
 * where they say different things, and then ends the run with all that are in conflict (exit status 3); so does an
 * origin that contradicts itself.
 */
export async function* merged(streams: readonly Stream[], signal: AbortSignal): AsyncGenerator<Resource, void, void> {
  const heads = streams.map((stream) => new Head(stream, signal))
  const conflicts: string[] = []
  let more = 0
  try {
    await Promise.all(heads.map((head) => head.move()))
    for (;;) {
      const path = lowest(heads)
      if (path === undefined) break
      const [first, ...others] = heads.filter((head) => head.resource?.path === path)
      const resource = first?.resource
      if (first === undefined || resource?.content === undefined) break
      for (const other of others)
        if (!(await sayTheSame(resource.content, other.resource?.content))) {
          if (conflicts.length < namedConflicts)
            conflicts.push(`${path.slice(1)} is different in ${first.label} and ${other.label}`)
          else more++
          break
        }
      yield resource
      await Promise.all([first, ...others].map((head) => head.move()))
    }
  } finally {
    await Promise.all(heads.map((head) => head.end()))
  }
  if (conflicts.length > 0)
    throw new Ending(
      exitCodes.conflict,
      `${counted(conflicts.length + more, 'conflict')}, and nothing was written: ${conflicts.join('; ')}${more > 0 ? '; …' : ''}`,
    )
}

function lowest(heads: readonly Head[]): ResourcePath | undefined {
  let found: ResourcePath | undefined
  for (const { resource } of heads)
    if (resource !== undefined && (found === undefined || comparePaths(resource.path, found) < 0)) found = resource.path
  return found
}

/** The document that an origin is at; folders are passed over, for a document has its type in itself. */
class Head {
  readonly label: string
  resource: Resource | undefined
  readonly #resources: AsyncIterator<Resource, unknown, unknown>

  readonly #signal: AbortSignal

  constructor({ label, resources }: Stream, signal: AbortSignal) {
    this.#signal = signal
    this.label = label
    this.#resources = resources[Symbol.asyncIterator]()
  }

  async move(): Promise<void> {
    try {
      do {
        const { done, value } = (await this.#resources.next()) as IteratorResult<Resource, undefined>
        this.resource = done === true ? undefined : value
      } while (this.resource !== undefined && this.resource.content === undefined)
    } catch (error) {
      if (!(error instanceof ReplicationError) || this.#signal.aborted) throw error
      const exitCode = error.code === 'conflict' ? exitCodes.conflict : exitCodes.failed
      throw new Ending(exitCode, `${this.label}: ${error.message}; nothing was written`, { cause: error })
    }
  }

  async end(): Promise<void> {
    await this.#resources.return?.()
  }
}

async function sayTheSame(one: Content, other: Content | undefined): Promise<boolean> {
  if (other === undefined) return false
  const [left, right] = [one(), other()]
  if (left instanceof Uint8Array && right instanceof Uint8Array) return Buffer.compare(left, right) === 0
  const digests = await Promise.all(
    [left, right].map(async (content) => {
      const hash = createHash('sha256')
      if (content instanceof Uint8Array) hash.update(content)
      else await pipeline(content, hash)
      return hash.digest('hex')
    }),
  )
  return digests[0] === digests[1]
}
