import { readFileSync } from 'node:fs'

let known: string | undefined

/** Of this software, as its package says. */
export function softwareVersion(): string {
  return (known ??= versionIn(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')))
}

function versionIn(manifest: string): string {
  return (JSON.parse(manifest) as { version: string }).version
}
