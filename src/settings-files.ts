import { closeSync, openSync, readSync } from 'node:fs'
import { ReplicationError } from './errors.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Of one value, in bytes: a long password fits, a log file does not. */
const maxBytes = 65_536

/**
 * The environment with the values that stand in files: for each of `variables`, `<variable>_FILE` is the path of a file
 * whose content, without the line ends at its end, is the value, as Docker and Compose mount secrets. A variable whose
 * own name ends in `_FILE` is a path already and has no such form. An empty variable counts as absent. Throws `invalid`,
 * with the variable and the path named, for a file that cannot be read, is empty or is too long, and where both are given.
 */
export function withFiles(env: Environment, variables: readonly string[]): Environment {
  const found: Record<string, string> = {}
  for (const variable of variables) {
    const pointer = `${variable}_FILE`
    const file = env[pointer]
    if (file === undefined || file === '' || variable.endsWith('_FILE') || variables.includes(pointer)) continue
    if (env[variable] !== undefined && env[variable] !== '')
      throw new ReplicationError('invalid', `${variable} and ${pointer} are both given; keep one of them`)
    found[variable] = valueIn(file, pointer)
  }
  return { ...env, ...found }
}

function valueIn(file: string, pointer: string): string {
  let text: string
  try {
    text = read(file).replace(/[\r\n]+$/, '')
  } catch (cause) {
    throw new ReplicationError(
      'invalid',
      `${pointer} names ${file}, which cannot be read: ${(cause as Error).message}`,
      {
        cause,
      },
    )
  }
  // Whoever names a file means a value: to go on without the password would be worse than not to start.
  if (text === '') throw new ReplicationError('invalid', `${pointer} names ${file}, which is empty`)
  return text
}

/** At most so much as is admitted: the path may be that of a device. */
function read(file: string): string {
  const descriptor = openSync(file, 'r')
  try {
    const buffer = Buffer.alloc(maxBytes + 1)
    let length = 0
    for (let more = -1; more !== 0 && length < buffer.length; length += more)
      more = readSync(descriptor, buffer, length, buffer.length - length, null)
    if (length > maxBytes) throw new Error(`it is longer than ${maxBytes} bytes`)
    return buffer.toString('utf8', 0, length)
  } finally {
    closeSync(descriptor)
  }
}
