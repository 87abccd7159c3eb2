/** docker-compose.yml, as Compose understands it: merged, `$$` unescaped, short forms taken apart. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { parseDocument } from 'yaml'
import { imageConfig, repository } from './image.ts'

export const composeText = readFileSync(join(repository, 'docker-compose.yml'), 'utf8')

/** As written; docs.docker.com/reference/compose-file has the meaning of each. */
export interface Service {
  readonly image: string
  readonly build?: string
  readonly user?: string
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes?: readonly string[]
  readonly secrets?: readonly string[]
  readonly ports?: readonly string[]
  readonly networks?: readonly string[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly healthcheck?: { readonly test: readonly string[] }
  readonly read_only?: boolean
  readonly tmpfs?: readonly string[]
  readonly cap_drop?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly stop_grace_period?: string
  readonly restart?: string
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>
  readonly volumes: Readonly<Record<string, object>>
  readonly secrets: Readonly<Record<string, { readonly file: string }>>
}

/** Throws for what is not YAML, and for a key that stands twice. */
export function readCompose(text = composeText): ComposeFile {
  const document = parseDocument(text, { merge: true, strict: true, uniqueKeys: true })
  assert.deepEqual([...document.errors, ...document.warnings], [])
  const file = document.toJS({
    reviver: (_key: unknown, value: unknown) => (typeof value === 'string' ? unescaped(value) : value),
  }) as ComposeFile
  return file
}

/** A lone `$` would be a variable of whoever calls Compose: this file needs none. */
function unescaped(text: string): string {
  assert.doesNotMatch(text.replaceAll('$$', ''), /\$/, `${text} depends on the environment of whoever calls Compose`)
  return text.replaceAll('$$', '$')
}

export interface Mount {
  readonly kind: 'bind' | 'volume' | 'secret'
  /** A path in the repository, the name of a volume, or that of a secret. */
  readonly source: string
  /** In the container. */
  readonly target: string
  readonly readOnly: boolean
}

export function mountsOf({ volumes = [], secrets = [] }: Service): Mount[] {
  return [
    ...volumes.map((text): Mount => {
      const [source = '', target = '', mode] = text.split(':')
      return { kind: source.startsWith('.') ? 'bind' : 'volume', source, target, readOnly: mode === 'ro' }
    }),
    ...secrets.map((source): Mount => ({
      kind: 'secret',
      source,
      target: `/run/secrets/${source}`,
      readOnly: true,
    })),
  ]
}

/** The mount that a path of the container lies in. */
export function mountAt(service: Service, path: string): Mount | undefined {
  return mountsOf(service)
    .filter(({ target }) => target === path || path.startsWith(`${target}/`))
    .toSorted((a, b) => b.target.length - a.target.length)[0]
}

/** Whether it is built from the Dockerfile here. */
export function isOurs({ build }: Service): boolean {
  return build !== undefined
}

/** What the process of one of our servers is started with: the image's own, and over it the service's. */
export function environmentOf({ environment }: Service): Record<string, string> {
  return { ...imageConfig().environment, ...environment }
}

/** Where a file that the container sees lies in the repository; undefined: on a volume, or nowhere. */
export function fileOf(compose: ComposeFile, service: Service, path: string): string | undefined {
  const mount = mountAt(service, path)
  if (mount === undefined || mount.kind === 'volume') return undefined
  const origin = mount.kind === 'bind' ? mount.source : (compose.secrets[mount.source]?.file ?? '')
  return join(repository, origin, posix.relative(mount.target, path))
}
