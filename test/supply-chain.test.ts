/** What comes from others: exactly which, from where, and that nothing of it runs while it is installed. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { test } from 'node:test'

interface Locked {
  readonly version?: string
  readonly resolved?: string
  readonly integrity?: string
  readonly hasInstallScript?: boolean
  readonly dev?: boolean
  readonly optional?: boolean
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly libc?: readonly string[]
}

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
  readonly scripts: Readonly<Record<string, string>>
}

const repository = resolve(import.meta.dirname, '../..')
const readJson = (file: string): unknown => JSON.parse(readFileSync(join(repository, file), 'utf8'))
const manifest = readJson('package.json') as Manifest
const lock = readJson('package-lock.json') as { readonly packages: Readonly<Record<string, Locked>> }
const locked = Object.entries(lock.packages).filter(([place]) => place !== '')

test('every version that is asked for is exact', () => {
  const asked = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
  assert.ok(asked.length > 40)
  assert.deepEqual(
    asked.filter(([, version]) => !/^(npm:@?[a-z0-9/-]+@)?\d+\.\d+\.\d+$/.test(version)),
    [],
  )
})

/** Prebuilt parts for other platforms than those that the image and the tests run on. */
function isForElsewhere({ optional, os, cpu, libc }: Locked): boolean {
  const isHere =
    os?.includes('linux') && cpu?.some((one) => one === 'x64' || one === 'arm64') && !libc?.includes('musl')
  return optional === true && os !== undefined && isHere !== true
}

test('every package is sealed by a SHA-512 and comes from the registry, but for native parts for other platforms', () => {
  assert.ok(locked.length > 300)
  for (const [place, entry] of locked) {
    if (!isForElsewhere(entry)) assert.match(entry.integrity ?? '', /^sha512-/, place)
    // Whichever registry npm is set to: what it answers must have the seal. A git or http address would not be sealed.
    assert.equal(entry.resolved, undefined, place)
  }
})

test('only two packages have an install script, and their native parts come prebuilt', () => {
  const withScript = locked.filter(([, { hasInstallScript }]) => hasInstallScript === true).map(([place]) => place)
  assert.deepEqual(withScript, ['node_modules/lmdb', 'node_modules/msgpackr-extract'])
  const { platform, arch } = process
  const require = createRequire(import.meta.url)
  const prebuilt = [`@lmdb/lmdb-${platform}-${arch}`, `@msgpackr-extract/msgpackr-extract-${platform}-${arch}`]
  for (const name of prebuilt) {
    assert.ok(lock.packages[`node_modules/${name}`] !== undefined, `${name} is not in the lock file`)
    require.resolve(name)
  }
})

test('npm run sbom names every package with version and licence, and says which only build and test', () => {
  const said = execFileSync('npm', ['run', '--silent', 'sbom'], { cwd: repository, encoding: 'utf8' })
  const { bomFormat, components } = JSON.parse(said) as {
    readonly bomFormat: string
    readonly components: readonly Component[]
  }
  assert.equal(bomFormat, 'CycloneDX')
  for (const one of components) assert.ok(one.licenses?.length, one.name)
  const nameOf = (place: string): string => place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length)
  for (const development of [false, true]) {
    assert.deepEqual(
      new Set(
        components.filter((one) => isForDevelopment(one) === development).map((one) => `${one.name}@${one.version}`),
      ),
      new Set(
        locked
          .filter(([, { dev }]) => (dev === true) === development)
          .map(([place, { version }]) => `${nameOf(place)}@${version}`),
      ),
    )
  }
})

interface Component {
  readonly name: string
  readonly version: string
  readonly licenses?: readonly object[]
  readonly properties: readonly { readonly name: string; readonly value: string }[]
}

function isForDevelopment({ properties }: Component): boolean {
  return properties.some(({ name, value }) => name === 'cdx:npm:package:development' && value === 'true')
}
