import { open } from 'node:fs/promises'
import { Type, type TSchema } from 'typebox'
import { ReplicationError, type Fault } from '../../errors.ts'
import type { EndpointKind } from '../../endpoints/endpoint.ts'
import type { AgentConfig, EndpointConfig } from './config.ts'
import { memberAt, withMemberAt } from './member.ts'

/** What stands in a plain secret's place wherever a config is shown. Sent back, it means the stored one. */
const placeholder = { secret: 'set' } as const

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

/** The config as callers may see it: plain secrets are replaced, named ones stay, being names. */
export function redacted(config: AgentConfig, kinds: readonly EndpointKind[]): AgentConfig {
  const shown = <E extends EndpointConfig>(endpoint: E): E => {
    const hidden = secretsOf(endpoint, kinds).filter((way) => isPlain(memberAt(endpoint, way)))
    return hidden.reduce<E>((made, way) => withMemberAt(made, way, placeholder), endpoint)
  }
  return {
    ...config,
    ...(config.source === undefined ? {} : { source: shown(config.source) }),
    targets: config.targets.map(shown),
  }
}

/** What is not the name of a secret is one. */
function isPlain(value: unknown): boolean {
  const isName = typeof value === 'object' && value !== null && ('env' in value || 'file' in value)
  return value !== undefined && !isName
}

/** Each by the way to it. An endpoint whose kind this server no longer has shows nothing at all of what might be secret. */
function secretsOf(endpoint: EndpointConfig, kinds: readonly EndpointKind[]): readonly string[] {
  const kind = kinds.find(({ name }) => name === endpoint.kind)
  return kind === undefined
    ? Object.keys(endpoint).filter((name) => name !== 'kind' && name !== 'name')
    : (kind.secrets ?? [])
}

/**
 * Puts the stored secrets where the draft has the placeholder, in place. A secret belongs to the address that it was
 * given for: with another `url` (or kind, or another origin that gets it) it is dropped, so that nobody can have it sent
 * elsewhere without knowing it.
 */
export function keepSecrets(
  draft: Record<string, unknown>,
  stored: EndpointConfig | undefined,
  kind: EndpointKind,
  pointer: string,
): Fault[] {
  const faults: Fault[] = []
  const required = (kind.options as { required?: readonly string[] }).required ?? []
  const moved = (kind.reach ?? ['url']).find((name) => JSON.stringify(draft[name]) !== JSON.stringify(stored?.[name]))
  for (const way of kind.secrets ?? []) {
    if (!isPlaceholder(memberAt(draft, way))) continue
    const kept = stored?.kind === kind.name ? memberAt(stored, way) : undefined
    if (kept === undefined) {
      faults.push({ pointer: `${pointer}/${way}`, message: 'no secret is stored for this endpoint; send the secret' })
    } else if (moved === undefined) {
      Object.assign(draft, withMemberAt(draft, way, kept))
    } else if (required.includes(way) || way.includes('/')) {
      // What lies in another object may be all that this says.
      faults.push({ pointer: `${pointer}/${way}`, message: `must be sent again, because ${moved} has changed` })
    } else {
      delete draft[way]
    }
  }
  return faults
}

function isPlaceholder(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'secret' in value
}

/** The endpoint's options with its named secrets looked up: for the moment at which an endpoint is made. */
export async function withSecrets(
  options: Readonly<Record<string, unknown>>,
  kind: EndpointKind,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Record<string, unknown>> {
  let resolved: Record<string, unknown> = { ...options }
  for (const way of kind.secrets ?? []) {
    const value = memberAt(options, way)
    if (typeof value === 'object' && value !== null) resolved = withMemberAt(resolved, way, await lookUp(value, env))
  }
  return resolved
}

async function lookUp(secret: object, env: Readonly<Record<string, string | undefined>>): Promise<string> {
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
