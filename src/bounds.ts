import { resolve } from 'node:path'
import type { Bounds } from './endpoints/bounds/bounds.ts'
import { HostBounds } from './endpoints/bounds/hosts.ts'
import { PathBounds } from './endpoints/bounds/paths.ts'
import { SecretBounds } from './endpoints/bounds/secrets.ts'
import { settingsSchema, variableOf, type Settings } from './settings.ts'

/** The installed program and what it is made with: whoever writes there says what runs after the next start. */
const program = [resolve(import.meta.dirname, '..'), resolve(import.meta.dirname, '../../node_modules')]

/** By what else this process is set up: traces, Node.js itself, what starts it. */
const othersOwn = /^(OTEL_|NODE_|CREDENTIALS_DIRECTORY$)/

/** What the agents of this server may reach. Throws `invalid` for a setting that cannot be used. */
export function boundsOf(
  settings: Settings,
  env: Readonly<Record<string, string | undefined>>,
  hasCredentials: () => Promise<boolean>,
): Bounds {
  const { allowedHosts, allowedPaths, secretsPaths, dataDir, packagesDir, configDir } = settings
  const names = [...Object.keys(settingsSchema.properties), 'configDir']
  const variables = new Set(names.map(variableOf))
  const given = names.filter((name) => name.endsWith('File')).map((name) => settings[name as keyof Settings])
  const ownFiles = [...given, ...[...variables].map((name) => env[`${name}_FILE`])]
    .filter((file) => typeof file === 'string' && file !== '')
    .map((file) => resolve(file as string))
  return {
    hosts: new HostBounds(allowedHosts, hasCredentials),
    paths: new PathBounds(allowedPaths, [dataDir, packagesDir, configDir, ...secretsPaths, ...ownFiles, ...program]),
    secrets: new SecretBounds({
      allowed: secretsPaths,
      own: [dataDir, packagesDir, ...ownFiles],
      isOwnVariable: (name) => variables.has(name.replace(/_FILE$/, '')) || variables.has(name) || othersOwn.test(name),
    }),
  }
}
