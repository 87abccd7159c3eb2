/** docker-compose.yml, held against the settings, the tree and what it promises: no Docker is needed. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, test } from 'node:test'
import { loadSettings, settingsSchema, variableOf } from '../src/settings.ts'
import { composeText, environmentOf, fileOf, isOurs, mountAt, mountsOf, readCompose } from './compose-file.ts'
import { imageConfig, repository } from './image.ts'

const compose = readCompose()
const all = Object.entries(compose.services)
const ours = all.filter(([, service]) => isOurs(service))
const authors = ours.filter(([name]) => name.startsWith('author-'))
const publishers = ours.filter(([name]) => name.startsWith('publish-'))
const { redis } = compose.services

const secrets = mkdtempSync(join(tmpdir(), 'compose-secrets-'))
after(() => rmSync(secrets, { recursive: true }))
const script = join(repository, 'deploy/make-secrets.sh')
execFileSync('sh', [script, secrets])

function secretText(name: string): string {
  return readFileSync(join(secrets, basename(compose.secrets[name]?.file ?? '')), 'utf8')
}

test('there are one Redis, two servers of an author and two publish servers', () => {
  assert.deepEqual(Object.keys(compose.services), ['redis', 'author-1', 'author-2', 'publish-1', 'publish-2'])
  assert.equal(ours.length, 4)
})

test('a key that stands twice, and a variable of whoever calls Compose, would be found', () => {
  assert.throws(() => readCompose('services: {}\nservices: {}'), /unique/)
  assert.throws(() => readCompose('services: { redis: { image: "redis:$TAG" } }'), /depends on the environment/)
})

test('every variable of a server is a setting, or one that Node.js or its packages know', () => {
  const known = [...Object.keys(settingsSchema.properties), 'configDir'].map(variableOf)
  const admitted = new Set(['NODE_ENV', ...known, ...known.map((name) => `${name}_FILE`)])
  for (const [name, service] of ours)
    assert.deepEqual(
      Object.keys(environmentOf(service)).filter((variable) => !admitted.has(variable)),
      [],
      name,
    )
})

test('the settings of every server can be used, and it may end in order before Docker kills it', () => {
  for (const [name, service] of ours) {
    const { shutdownGraceMs } = loadSettings(onThisMachine(service))
    const [, seconds] = /^(\d+)s$/.exec(service.stop_grace_period ?? '') ?? []
    assert.ok(Number(seconds) * 1000 > shutdownGraceMs, `${name} is killed after ${seconds} s`)
  }
})

/** The environment of a server with the paths of what is mounted from here. */
function onThisMachine(service: (typeof ours)[number][1]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environmentOf(service)).map(([name, value]) => {
      const mount = value.startsWith('/') ? mountAt(service, value) : undefined
      if (mount?.kind === 'secret') return [name, join(secrets, basename(compose.secrets[mount.source]?.file ?? ''))]
      return [name, fileOf(compose, service, value) ?? value]
    }),
  )
}

test('the servers of the author share one Redis, one folder of packages, one source and all the work', () => {
  const [first, ...others] = authors.map(([, { ports: _, ...service }]) => service)
  assert.ok(first)
  for (const other of others) assert.deepEqual(other, first)
  const { REDIS_URL, PACKAGES_DIR, ROLES } = environmentOf(first)
  assert.equal(new URL(REDIS_URL ?? '').hostname, 'redis')
  assert.equal(ROLES, 'api,worker')
  assert.equal(mountAt(first, PACKAGES_DIR ?? '')?.kind, 'volume')
})

test('each publish server keeps its state and its content on volumes of its own', () => {
  const used = publishers.flatMap(([name, service]) => {
    const volumes = mountsOf(service).filter(({ kind }) => kind === 'volume')
    assert.equal(environmentOf(service)['REDIS_URL'], undefined, `${name} is not embedded`)
    assert.equal(mountAt(service, environmentOf(service)['DATA_DIR'] ?? '')?.kind, 'volume', name)
    return volumes.map(({ source }) => source)
  })
  assert.equal(new Set(used).size, used.length, `${used.join(', ')} are not all different`)
})

test('everything that is mounted is there, and everything that is declared is used', () => {
  const mounts = all.flatMap(([, service]) => mountsOf(service))
  for (const { source } of mounts.filter(({ kind }) => kind === 'bind'))
    assert.ok(existsSync(join(repository, source)), `${source} is not there`)
  for (const name of Object.keys(compose.secrets))
    assert.ok(secretText(name).length > 0, `make-secrets.sh makes no ${name}`)
  const sourcesOf = (wanted: string): string[] =>
    [...new Set(mounts.filter(({ kind }) => kind === wanted).map(({ source }) => source))].toSorted()
  assert.deepEqual(sourcesOf('volume'), Object.keys(compose.volumes).toSorted())
  assert.deepEqual(sourcesOf('secret'), Object.keys(compose.secrets).toSorted())
  const networks = new Set(all.flatMap(([, service]) => service.networks ?? []))
  assert.deepEqual([...networks].toSorted(), Object.keys(compose.networks).toSorted())
})

test('volumes are mounted where the image has folders that the server may write to', () => {
  const made = imageConfig().folders.map(({ path }) => path)
  for (const [name, service] of ours)
    for (const { target } of mountsOf(service).filter(({ kind }) => kind === 'volume'))
      assert.ok(made.includes(target), `${name} could not write to ${target}`)
})

test('what is mounted from the repository cannot be written to', () => {
  for (const [name, service] of all)
    for (const { source, readOnly, kind } of mountsOf(service))
      assert.equal(readOnly, kind !== 'volume', `${name}: ${source}`)
})

test('every container has a read-only root, no capabilities and no way to new privileges, and is not root', () => {
  for (const [name, service] of all) {
    assert.equal(service.read_only, true, name)
    assert.deepEqual(service.cap_drop, ['ALL'], name)
    assert.ok(service.security_opt?.includes('no-new-privileges:true'), name)
    if (isOurs(service)) assert.deepEqual(service.tmpfs, ['/tmp'], name)
    assert.match(service.user ?? imageConfig().user, /^(redis|[1-9]\d*:[1-9]\d*)$/, name)
    assert.ok(service.restart === 'unless-stopped', `${name} does not come back after a fault`)
  }
})

test('every container has a health check, and whoever waits for another waits for its health', () => {
  for (const [name, service] of all) {
    assert.ok(isOurs(service) ? imageConfig().healthCheck.length > 0 : service.healthcheck, name)
    for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
      assert.ok(other in compose.services, `${name} waits for ${other}`)
      assert.equal(condition, 'service_healthy', `${name} waits for ${other}`)
    }
  }
  for (const [name, service] of authors) assert.ok(service.depends_on?.['redis'], `${name} waits for Redis`)
})

test('Redis has everything on the disk before it answers, and evicts nothing', () => {
  const command = redis?.command ?? []
  assert.equal(command[0], 'redis-server')
  const option = (name: string): string | undefined => command[command.indexOf(`--${name}`) + 1]
  assert.equal(option('appendonly'), 'yes')
  assert.equal(option('appendfsync'), 'always')
  assert.equal(option('aof-load-truncated'), 'no')
  assert.equal(option('maxmemory-policy'), 'noeviction')
  assert.match(option('maxmemory') ?? '', /^\d+mb$/)
  assert.ok(redis)
  assert.equal(mountAt(redis, option('dir') ?? '')?.kind, 'volume')
  const [shell, script = '', folder] = redis.entrypoint ?? []
  assert.deepEqual([shell, folder], ['sh', option('dir')])
  assert.equal(mountAt(redis, script)?.source, './deploy/start-redis.sh')
  assert.equal(mountAt(redis, command[1] ?? '')?.kind, 'secret', 'its password comes in a file')
})

test('only the author is published, and only to this machine', () => {
  for (const [name, { ports = [] }] of all) {
    assert.equal(ports.length > 0, name.startsWith('author-'), name)
    for (const port of ports)
      assert.match(port, new RegExp(`^127\\.0\\.0\\.1:\\d+:${imageConfig().environment['PORT']}$`))
  }
})

test('Redis and the publish servers are on networks that nothing outside reaches, and do not reach each other', () => {
  const internal = (service: (typeof all)[number][1]): string[] =>
    (service.networks ?? []).filter((network) => compose.networks[network]?.internal !== true)
  assert.ok(redis)
  for (const [name, service] of [...publishers, ['redis', redis] as const])
    assert.deepEqual(internal(service), [], name)
  for (const [name, { networks = [] }] of publishers)
    assert.deepEqual(
      networks.filter((network) => redis.networks?.includes(network)),
      [],
      name,
    )
  for (const [name, service] of authors) assert.equal(internal(service).length, 1, `${name} could not be published`)
})

test('no secret stands in the files: each comes from a file that git ignores and Docker does not build from', () => {
  for (const [name, service] of all)
    for (const [variable, value] of Object.entries(service.environment ?? {}))
      if (/PASSWORD|TOKEN|SECRET|KEY/.test(variable)) {
        assert.match(variable, /_FILE$/, `${name} has ${variable} in its environment`)
        assert.equal(mountAt(service, value)?.kind, 'secret', `${name}: ${variable}`)
      }
  assert.doesNotMatch(composeText, /:\/\/[^/\s]*@/, 'an address has no credentials')
  const files = Object.values(compose.secrets).map(({ file }) => file)
  for (const file of files) assert.match(file, /^\.\/deploy\/secrets\//)
  assert.ok(readFileSync(join(repository, '.gitignore'), 'utf8').split('\n').includes('deploy/secrets/'))
})

test('make-secrets.sh keeps what is there, in a folder that nobody else may enter, for containers to read', () => {
  assert.equal(statSync(secrets).mode & 0o777, 0o700)
  // Compose mounts files as they are, and the users in the containers are others.
  for (const { file } of Object.values(compose.secrets))
    assert.equal(statSync(join(secrets, basename(file))).mode & 0o777, 0o644, file)
  const password = secretText('redis-password')
  assert.match(password, /^[0-9a-f]{64}$/)
  assert.equal(secretText('redis-auth.conf'), `requirepass "${password}"\n`)
  const token = secretText('publish-1-token')
  assert.notEqual(token, secretText('publish-2-token'))
  writeFileSync(join(secrets, 'redis-password'), 'another')
  execFileSync('sh', [script, secrets])
  assert.equal(secretText('publish-1-token'), token)
  assert.equal(secretText('redis-password'), 'another')
  assert.equal(secretText('redis-auth.conf'), 'requirepass "another"\n')
})
