/** One secret: as it is sent, shown and looked up. */
import { closeSync, constants, fstatSync, readSync } from 'node:fs'
import type { TSchema } from 'typebox'
import type { SecretBounds } from '../../endpoints/bounds/secrets.ts'
import { placeOf } from '../../endpoints/directory/place.ts'
import { openPlainFile } from '../../endpoints/directory/plain-path.ts'
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

/** Where named secrets are looked up, and which of them may be. */
export interface Known {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly bounds?: SecretBounds | undefined
}

/** Throws `forbidden` for the name of what no config may name. */
export async function demandNameable(secret: object, bounds: SecretBounds): Promise<void> {
  if ('env' in secret) bounds.demandVariable(String(secret.env))
  if ('file' in secret) await bounds.demandFile(String(secret.file))
}

/** The text that a named secret stands for. Throws `invalid`, `unavailable`, `forbidden`. */
export async function lookUp(secret: object, { env, bounds }: Known): Promise<string> {
  if ('env' in secret) {
    bounds?.demandVariable(String(secret.env))
    const value = env[String(secret.env)]
    if (value === undefined || value === '')
      throw new ReplicationError('invalid', `the environment variable ${String(secret.env)} of the server is not set`)
    return value
  }
  const file = String((secret as { file?: unknown }).file)
  const place = await (bounds?.demandFile(file) ?? placeOf(file).then(([, ...names]) => `/${names.join('/')}`))
  return fromFile(file, place)
}

/** `place`: where that is, its links resolved. */
function fromFile(file: string, place: string): string {
  let text: string
  try {
    const fd = openPlainFile(place, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      if (!fstatSync(fd).isFile()) throw new Error('no plain file')
      const buffer = Buffer.alloc(maxFileBytes + 1)
      const length = readSync(fd, buffer)
      if (length > maxFileBytes) throw new Error(`longer than ${maxFileBytes} bytes`)
      text = buffer.toString('utf8', 0, length).trim()
    } finally {
      closeSync(fd)
    }
  } catch (cause) {
    // Secrets are mounted while servers run, so this is worth another try.
    throw new ReplicationError('unavailable', `the secret in the file ${file} cannot be read`, { cause })
  }
  if (text === '') throw new ReplicationError('invalid', `the secret in the file ${file} is empty`)
  return text
}
