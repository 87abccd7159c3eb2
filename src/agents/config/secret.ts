/** One secret: as it is sent, shown and looked up. */
import { open } from 'node:fs/promises'
import type { TSchema } from 'typebox'
import { ReplicationError } from '../../errors.ts'
import { Type } from '../../resources/type.ts'
import { isEncrypted, type Encrypted } from '../../secrets/key-ring.ts'

/** What stands in a plain secret's place wherever a config is shown. Sent back, it means the stored one. */
export const placeholder = { secret: 'set' } as const

const closed = { additionalProperties: false } as const

/** The longest secret that is read from a file, in bytes: a chain of certificates fits, a log file does not. */
const maxFileBytes = 65_536

/** A secret option: plain as its kind wants it, named, or what a GET has answered in its place. */
export function secretSchema(plain: TSchema): TSchema {
  const name = (what: string): TSchema => Type.String({ minLength: 1, maxLength: 4096, description: what })
  return Type.Unsafe({
    anyOf: [
      { ...plain, title: 'a text', writeOnly: true },
      Type.Object({ env: name('An environment variable of the server.') }, { ...closed, title: '{"env": name}' }),
      Type.Object({ file: name('A file on the server.') }, { ...closed, title: '{"file": path}' }),
      Type.Object({ secret: Type.Literal('set') }, { ...closed, title: '{"secret": "set"}' }),
    ],
    description: 'Write-only: a GET answers {"secret": "set"}, and sending that back keeps what is stored.',
  })
}

/** A secret that is kept, and that this server cannot decrypt. */
export interface Locked extends Encrypted {
  readonly why: ReplicationError
}

/** Throws why it cannot be used, where it is locked. */
export function refuseLocked(secret: unknown, way: string): void {
  if (!isEncrypted(secret)) return
  const { code, message } = (secret as Partial<Locked>).why ?? { code: 'unavailable', message: 'it is encrypted' }
  throw new ReplicationError(code, `the secret ${way} cannot be used: ${message}`)
}

/** What is not the name of a secret is one. */
export function isPlain(value: unknown): boolean {
  const isName = typeof value === 'object' && value !== null && ('env' in value || 'file' in value)
  return value !== undefined && !isName
}

export function isPlaceholder(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'secret' in value
}

/** The text that a named secret stands for. Throws `invalid`, `unavailable`. */
export async function lookUp(secret: object, env: Readonly<Record<string, string | undefined>>): Promise<string> {
  if ('env' in secret) {
    const value = env[String(secret.env)]
    if (value === undefined || value === '')
      throw new ReplicationError('invalid', `the environment variable ${String(secret.env)} of the server is not set`)
    return value
  }
  return fromFile(String((secret as { file?: unknown }).file))
}

async function fromFile(file: string): Promise<string> {
  let text: string
  try {
    const handle = await open(file, 'r')
    try {
      const { bytesRead, buffer } = await handle.read({ buffer: Buffer.alloc(maxFileBytes + 1) })
      if (bytesRead > maxFileBytes) throw new Error(`longer than ${maxFileBytes} bytes`)
      text = buffer.toString('utf8', 0, bytesRead).trim()
    } finally {
      await handle.close()
    }
  } catch (cause) {
    // Secrets are mounted while servers run, so this is worth another try.
    throw new ReplicationError('unavailable', `the secret in the file ${file} cannot be read`, { cause })
  }
  if (text === '') throw new ReplicationError('invalid', `the secret in the file ${file} is empty`)
  return text
}
