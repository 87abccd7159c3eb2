import { ReplicationError } from '../../errors.ts'

const named = 5

/** What `apply` throws in the end when it went on after failures: the first one's code, and the first few of them. */
export function failed(failures: readonly ReplicationError[], documents: number): ReplicationError | undefined {
  const [first] = failures
  if (first === undefined) return undefined
  const more = failures.length > named ? `; and ${failures.length - named} more` : ''
  const texts = failures.slice(0, named).map(({ message }) => message)
  return new ReplicationError(
    first.code,
    `${failures.length} of ${documents} could not be written: ${texts.join('; ')}${more}`,
    { cause: first, transient: first.transient },
  )
}
