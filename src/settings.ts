import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Static } from 'typebox'
import { ReplicationError, type Fault } from './errors.ts'
import { checkerOf, textCheckerOf } from './resources/schema.ts'
import { Type } from './resources/type.ts'
import { credentialSettings } from './settings-credentials.ts'
import { withFiles } from './settings-files.ts'

const hookUrl = { pattern: '^https?://[^/?#@\\s]+([/?][^#\\s]*)?$', maxLength: 2000 } as const
const pem = (description: string) =>
  Type.Optional(Type.String({ pattern: '-----BEGIN ', description: `PEM, better in a file: ${description}` }))
const positive = { minimum: 1, maximum: Number.MAX_SAFE_INTEGER } as const

/** Every setting. In the environment `dataDir` is called DATA_DIR; docs/OPERATIONS.md has a row for each. */
export const settingsSchema = Type.Object(
  {
    host: Type.String({ default: '127.0.0.1', minLength: 1, description: 'Address to listen on.' }),
    port: Type.Integer({
      default: 8080,
      minimum: 0,
      maximum: 65_535,
      description: 'Port to listen on; 0: any free one.',
    }),
    dataDir: Type.String({
      default: './data',
      minLength: 1,
      description: 'Where everything lies that must not be lost.',
    }),
    packagesDir: Type.Optional(Type.String({ minLength: 1, description: 'Where packages lie.' })),
    roles: Type.String({
      default: 'api,worker',
      pattern: '^(api|worker)(,(api|worker))*$',
      description: 'What this server does, of api and worker; without REDIS_URL both.',
    }),
    redisUrl: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'The Redis that several servers share, redis://, rediss:// or unix://; without it, one server.',
      }),
    ),
    redisUsername: Type.Optional(Type.String({ description: 'The ACL user, instead of the one in REDIS_URL.' })),
    redisPassword: Type.Optional(Type.String({ description: 'The password, instead of the one in REDIS_URL.' })),
    redisPrefix: Type.String({
      default: 'trebuchet',
      pattern: '^[A-Za-z0-9._-]{1,64}$',
      description: 'Of all keys in Redis; servers with the same one are one installation.',
    }),
    redisReplicas: Type.Integer({
      default: 0,
      minimum: 0,
      maximum: 100,
      description: 'How many replicas of Redis must have a commit before it is answered.',
    }),
    redisSentinels: Type.Optional(
      Type.String({
        pattern: '^[^,\\s]+:\\d+(,[^,\\s]+:\\d+)*$',
        description: 'The Sentinels that know where the master is: host:port, with commas between them.',
      }),
    ),
    redisSentinelMaster: Type.String({ default: 'mymaster', description: 'What the Sentinels call the master.' }),
    redisSentinelPassword: Type.Optional(Type.String({ description: 'The password of the Sentinels.' })),
    redisTlsCaFile: Type.Optional(
      Type.String({ minLength: 1, description: 'PEM file of who vouches for the certificate of Redis.' }),
    ),
    logLevel: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
      default: 'info',
      description: 'The least important lines that are logged.',
    }),
    ...credentialSettings,
    allowedHosts: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'Where agents may reach on the network: hosts, *.suffixes, address ranges, `public`; with commas.',
      }),
    ),
    allowedPaths: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'The folders below which the paths of agents are; with commas. The working folder if absent.',
      }),
    ),
    secretsPaths: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'The folders below which the files are that agents name as secrets; with commas.',
      }),
    ),
    auditKeepDays: Type.Integer({
      default: 400,
      minimum: 1,
      maximum: 36_500,
      description: 'How long the audit is kept, in days.',
    }),
    tlsCert: pem(
      'The certificate of this server, with what leads to its authority; with it, it speaks TLS and nothing else.',
    ),
    tlsKey: pem('The key of that certificate, without a passphrase.'),
    tlsClientCa: pem('Who signs the certificates of callers, who are asked for one.'),
    tlsClientCertificates: Type.Enum(['optional', 'required'], {
      default: 'required',
      description: 'Whether a caller may come without one.',
    }),
    publicUrl: Type.Optional(
      Type.String({
        format: 'origin',
        description: 'The origin under which others reach this server, for example https://author.example.com.',
      }),
    ),
    environmentName: Type.Optional(
      Type.String({
        pattern: '^[^\\u0000-\\u001f]{1,40}$',
        description: 'What the dashboard calls this environment on every page, for example Production.',
      }),
    ),
    environmentColour: Type.Optional(
      Type.String({
        pattern: '^#[0-9a-fA-F]{6}$',
        description: 'Its colour there, for example #b3261e; without it, one that follows from the name.',
      }),
    ),
    notifyUrl: Type.Optional(
      Type.String({ ...hookUrl, description: 'Called for every agent when something calls for somebody.' }),
    ),
    notifySecret: Type.Optional(Type.String({ minLength: 1, description: 'What those calls are signed with.' })),
    notifyOn: Type.String({
      default: 'blocked,recovered,failed,drifted,missed',
      pattern: '^[a-z]+(,[a-z]+)*$',
      description: 'Of what they tell, with commas between them.',
    }),
    heartbeatUrl: Type.Optional(
      Type.String({ ...hookUrl, description: 'Called by this server as long as it is well.' }),
    ),
    heartbeatIntervalMs: Type.Integer({
      default: 60_000,
      minimum: 1000,
      maximum: 86_400_000,
      description: 'How often that is called.',
    }),
    maxUploadBytes: Type.Integer({
      default: 17_179_869_184,
      ...positive,
      description: 'The largest package that may be uploaded.',
    }),
    maxUnfinishedBytes: Type.Integer({
      default: 17_179_869_184,
      ...{ minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
      description: 'The most that is kept of uploads that broke off, so that they may go on.',
    }),
    maxPackageEntries: Type.Integer({
      default: 1_000_000,
      ...positive,
      description: 'The most entries that a package may have.',
    }),
    maxPackageBytes: Type.Integer({
      default: 274_877_906_944,
      ...positive,
      description: 'The most content that a package may have, unpacked.',
    }),
    maxPackageRatio: Type.Integer({
      default: 200,
      minimum: 100,
      maximum: 1100,
      description: 'How many times larger a package may be unpacked than packed.',
    }),
    signingKey: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'Ed25519 keys that packages made here are signed with: PKCS#8 in PEM, or the base64 of it.',
      }),
    ),
    trustedKeys: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'Public keys of those whose signatures are known here: SPKI in PEM, one behind the other.',
      }),
    ),
    maxEventStreams: Type.Integer({
      default: 1000,
      minimum: 0,
      maximum: 100_000,
      description: 'The most event streams that this server has open at the same time.',
    }),
    maxConnections: Type.Integer({
      default: 5000,
      minimum: 1,
      maximum: 1_000_000,
      description: 'The most connections that this server has open at the same time.',
    }),
    rateLimitPerSecond: Type.Integer({
      default: 2000,
      minimum: 0,
      maximum: 1_000_000,
      description: 'How many calls a second each caller may make, over ten seconds and more; 0: any number.',
    }),
    shutdownGraceMs: Type.Integer({
      default: 10_000,
      minimum: 0,
      maximum: 3_600_000,
      description: 'How long work under way may take to end when the server is told to stop.',
    }),
  },
  { additionalProperties: false },
)

type Given = Static<typeof settingsSchema>

/** Checked, complete; folders are absolute paths. */
export interface Settings extends Readonly<Omit<Given, 'allowedPaths' | 'packagesDir' | 'roles' | 'secretsPaths'>> {
  readonly allowedPaths: readonly string[]
  readonly configDir: string
  readonly packagesDir: string
  readonly roles: ReadonlySet<Role>
  readonly secretsPaths: readonly string[]
}

/** `api` answers calls, `worker` exports and delivers. */
export type Role = 'api' | 'worker'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The settings: the environment over `<CONFIG_DIR>/server.json`, which may be absent, over defaults. An empty variable
 * counts as absent; `<NAME>_FILE` names a file that holds the value of NAME. Throws `invalid` with a message of one line
 * that names what is wrong and where.
 */
export function loadSettings(environment: Environment): Settings {
  const env = withFiles(environment, [...Object.keys(settingsSchema.properties), 'configDir'].map(variableOf))
  const configDir = resolve(env['CONFIG_DIR'] || './config')
  const file = join(configDir, 'server.json')
  const fromFile = readServerJson(file)
  refuse(checkerOf(partial)(fromFile), (setting) => (setting === '' ? file : `${setting} in ${file}`))
  const fromEnv = settingsIn(env)
  refuse(textCheckerOf(partial)(fromEnv), variableOf)
  const given = { ...fromFile, ...fromEnv } as Given
  checkerOf(settingsSchema)(given)
  const dataDir = resolve(given.dataDir)
  const roles = new Set(given.roles.split(',') as Role[])
  if (given.redisUrl === undefined && roles.size < 2)
    throw new ReplicationError('invalid', 'ROLES must be api,worker without REDIS_URL: nobody else would do the rest')
  return {
    ...{ ...given, roles, configDir, dataDir, packagesDir: resolve(given.packagesDir ?? join(dataDir, 'packages')) },
    allowedPaths: foldersIn(given.allowedPaths ?? '.'),
    secretsPaths: foldersIn(given.secretsPaths ?? `/run/secrets,${join(configDir, 'secrets')}`),
  }
}

function foldersIn(list: string): string[] {
  const folders = list.split(',').map((folder) => folder.trim())
  return folders.filter((folder) => folder !== '').map((folder) => resolve(folder))
}

/** `dataDir` is DATA_DIR in the environment. */
export function variableOf(setting: string): string {
  return setting.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
}

/** Each source alone is checked for what it has; only together do they get the defaults. */
const partial = Type.Object(
  Object.fromEntries(
    Object.entries(settingsSchema.properties).map(([name, schema]) => {
      const { default: _, ...rest } = schema as typeof schema & { default?: unknown }
      return [name, Type.Optional(Type.Unsafe(rest))]
    }),
  ),
  { additionalProperties: false },
)

function settingsIn(env: Environment): Record<string, unknown> {
  const found: Record<string, unknown> = {}
  for (const name of Object.keys(settingsSchema.properties)) {
    const text = env[variableOf(name)]
    if (text !== undefined && text !== '') found[name] = text
  }
  return found
}

function readServerJson(file: string): Record<string, unknown> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw new ReplicationError('invalid', `${file} cannot be read: ${(cause as Error).message}`, { cause })
  }
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch (cause) {
    const message = (cause as Error).message.replaceAll(/\s+/g, ' ')
    throw new ReplicationError('invalid', `${file} is not JSON: ${message}`, { cause })
  }
}

function refuse(faults: readonly Fault[], nameOf: (setting: string) => string): void {
  if (faults.length === 0) return
  const said = faults.map(({ pointer, message }) => `${nameOf(pointer.slice(1))} ${message}`)
  throw new ReplicationError('invalid', said.join('; '))
}
