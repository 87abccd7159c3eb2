/** Where agents may reach on the disk, and what happens when somebody swaps names under them. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { lookUp } from '../../src/agents/config/secret.ts'
import { boundsOf } from '../../src/bounds.ts'
import { PathBounds } from '../../src/endpoints/bounds/paths.ts'
import { SecretBounds } from '../../src/endpoints/bounds/secrets.ts'
import { makePlainFolder, openPlainFile, openPlainFolder } from '../../src/endpoints/directory/plain-path.ts'
import type { EndpointKind, TestStep } from '../../src/endpoints/endpoint.ts'
import { kinds } from '../../src/endpoints/kinds.ts'
import { parsePath, rootPath } from '../../src/resources/path.ts'
import { loadSettings } from '../../src/settings.ts'
import { givenBounds } from '../endpoints/given-bounds.ts'

const signal = AbortSignal.timeout(120_000)

/** A folder that is allowed, and one beside it that holds a secret. */
function given(t: TestContext): { folder: string; allowed: string; secret: string; paths: PathBounds } {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'trebuchet-reach-')))
  t.after(() => rmSync(folder, { recursive: true }))
  const [allowed, secret] = [join(folder, 'allowed'), join(folder, 'secret')]
  for (const one of [allowed, secret]) mkdirSync(join(one, 'below'), { recursive: true })
  for (const one of ['a.yaml', 'below/a.yaml']) writeFileSync(join(secret, one), 'id: secret\n')
  return { folder, allowed, secret, paths: new PathBounds([allowed], []) }
}

function kindNamed(name: string): EndpointKind {
  return kinds.find((one) => one.name === name) ?? assert.fail(name)
}

const refused = { code: 'forbidden', message: /ALLOWED_PATHS/, transient: false }

test('path traversal: what leads out by .., by a link or by likeness is refused', async (t) => {
  const { folder, allowed, secret, paths } = given(t)
  symlinkSync(secret, join(allowed, 'link'))
  symlinkSync('../secret', join(allowed, 'relative'))
  symlinkSync(`${secret}/not-yet`, join(allowed, 'to-come'))
  mkdirSync(join(folder, 'allowed-not'))
  const outside = [
    ...[`${allowed}/../secret`, `${allowed}/link`, `${allowed}/link/below`, `${allowed}/relative/not-there/yet`],
    ...[`${allowed}/to-come`, `${folder}/allowed-not`, secret, folder, '/', '/etc/passwd', 'relative'],
  ]
  for (const path of outside) await assert.rejects(paths.demand(path), refused, path)
  // Judged by its text, as many do.
  const naive = outside.filter((path) => path.startsWith(allowed))
  assert.ok(naive.length > 5)
  await assert.rejects(paths.demand(`${allowed}/below/../below`), refused)
  for (const path of [allowed, `${allowed}/below`, `${allowed}/not/there/yet`]) await paths.demand(path)
})

test('path traversal: what the server lives on is refused although it is allowed, within and around it', async (t) => {
  const { folder, allowed } = given(t)
  mkdirSync(join(allowed, 'data'))
  symlinkSync(join(allowed, 'data'), join(allowed, 'link'))
  const settings = loadSettings({
    ALLOWED_PATHS: allowed,
    DATA_DIR: join(allowed, 'data'),
    CONFIG_DIR: join(allowed, 'config'),
  })
  const { paths } = boundsOf(settings, {}, async () => false)
  for (const path of ['data', 'data/state', 'data/packages/x', 'link/state', 'config/agents', 'config/secrets', '.'])
    await assert.rejects(paths.demand(join(allowed, path)), { code: 'forbidden', message: /its own files/ }, path)
  for (const path of ['content', 'database']) await paths.demand(join(allowed, path))
  await assert.rejects(paths.demand(folder), refused)
})

test('path traversal: no kind of endpoint reads, writes, lists, tests or watches where it may not', async (t) => {
  const { allowed, secret, paths } = given(t)
  symlinkSync(secret, join(allowed, 'link'))
  const context = { installation: 'here', bounds: givenBounds({ paths }) }
  for (const [name, options] of [
    ['directory', { path: join(allowed, 'link') }],
    ['directory', { path: join(allowed, 'link'), view: 'resources' }],
    ['file', { path: join(allowed, 'link/a.yaml') }],
    ['openapi', { path: join(allowed, 'link/a.yaml') }],
  ] as const) {
    const kind = kindNamed(name)
    const [source, target] = [kind.source?.(options, context), kind.target?.(options, context)]
    const all = { deep: true, signal }
    for (const read of [
      source?.read(rootPath, all),
      target?.holdings?.read(rootPath, all),
      target?.list?.(rootPath, signal),
    ])
      await assert.rejects(
        async () => {
          for await (const _ of read ?? assert.fail('it cannot be read'));
        },
        refused,
        name,
      )
    await assert.rejects(
      async () => target?.apply({ package: { id: 'p', file: 'p' }, deletes: {} } as never, signal),
      refused,
    )
    const steps: TestStep[] = []
    for await (const step of target?.test(signal) ?? []) steps.push(step)
    assert.deepEqual(
      steps.map(({ ok }) => ok),
      [false],
    )
    assert.match(steps[0]?.detail ?? '', /ALLOWED_PATHS/)
    const watcher = kind.watch?.(options, context)
    if (watcher !== undefined) await assert.rejects(watcher.look([parsePath('/a.yaml')], signal), refused)
    const there = kind.copyTo?.({ path: join(allowed, 'b.yaml') }, join(allowed, 'link/c.yaml'))
    if (there !== undefined) await assert.rejects(there.make(undefined, context, signal), refused)
  }
  assert.deepEqual(readdirSync(secret).toSorted(), ['a.yaml', 'below'])
})

/** A process that exchanges a folder and a link to the secret as fast as it can; answers how to end it. */
async function swapping(folder: string, name: string, secret: string): Promise<() => Promise<void>> {
  const script = `
    const { renameSync, symlinkSync } = require('node:fs')
    process.chdir(process.argv[1])
    const [, , name, secret] = process.argv
    symlinkSync(secret, 'link')
    process.stdout.write('begun')
    for (;;) { renameSync(name, 'aside'); renameSync('link', name); renameSync(name, 'link'); renameSync('aside', name) }`
  const child = spawn(process.execPath, ['-e', script, folder, name, secret], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return async () => {
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
}

/** Until the attack has succeeded, or so many times. */
function often(times: number, attempt: () => boolean): number {
  for (let i = 1; i <= times; i++)
    try {
      if (attempt()) return i
    } catch {
      // Somewhere between two names.
    }
  return Infinity
}

function used<T>(fd: number, use: (fd: number) => T): T {
  try {
    return use(fd)
  } finally {
    closeSync(fd)
  }
}

function isSame(fd: number, path: string): boolean {
  return fstatSync(fd).ino === statSync(path).ino
}

/** Looks where the path leads, and opens it. */
function naiveRead(path: string, allowed: string): string {
  if (!realpathSync(path).startsWith(allowed)) throw new Error('refused')
  return readFileSync(path, 'utf8')
}

test('symlink race: a folder that is swapped for a link on the way leads nobody out', async (t) => {
  const { allowed, secret } = given(t)
  writeFileSync(join(allowed, 'below/a.yaml'), 'id: mine\n')
  const stop = await swapping(allowed, 'below', join(secret, 'below'))
  try {
    const file = join(allowed, 'below/a.yaml')
    const tries = often(1_000_000, () => naiveRead(file, allowed).includes('secret'))
    assert.ok(tries < Infinity, 'that is no attack')
    let opened = 0
    const attempts = Math.max(2000, 4 * tries)
    const read = often(attempts, () => {
      const text = used(openPlainFile(file, 0), (fd) => readFileSync(fd, 'utf8'))
      opened++
      return text.includes('secret')
    })
    assert.equal(read, Infinity)
    assert.ok(opened > 0, 'nothing was ever opened')
    const below = join(allowed, 'below')
    const reached = often(2000, () => used(openPlainFolder(below), (fd) => isSame(fd, join(secret, 'below'))))
    assert.equal(reached, Infinity)
  } finally {
    await stop()
  }
})

test('symlink race: a link that takes the place of a path behind its judgement is not followed', async (t) => {
  const { allowed, secret, paths } = given(t)
  const [, ...names] = await paths.demand(join(allowed, 'below/a.yaml'))
  const judged = `/${names.join('/')}`
  rmSync(join(allowed, 'below'), { recursive: true })
  symlinkSync(join(secret, 'below'), join(allowed, 'below'))
  assert.equal(readFileSync(judged, 'utf8'), 'id: secret\n', 'that is no attack')
  assert.throws(() => openPlainFile(judged, 0), { code: 'ESTALE' })
  assert.throws(() => openPlainFolder(join(allowed, 'below')), { code: 'ESTALE' })
  assert.throws(() => makePlainFolder(join(allowed, 'below/new')), { code: 'ESTALE' })
  assert.deepEqual(readdirSync(join(secret, 'below')), ['a.yaml'])
})

test('confused deputy: no config has the server send its own secrets, by file or by variable', async (t) => {
  const { folder, allowed, secret } = given(t)
  const [token, other] = [join(allowed, 'admin-token'), join(allowed, 'peer-token')]
  for (const file of [token, other, join(folder, 'shadow')]) writeFileSync(file, 'trb_very-secret-indeed')
  symlinkSync(token, join(allowed, 'alias'))
  symlinkSync(join(folder, 'shadow'), join(allowed, 'shadow'))
  const env = { ADMIN_TOKEN_FILE: token, REDIS_PASSWORD: 'p', OTEL_EXPORTER_OTLP_HEADERS: 'h', PEER: 'peer' }
  const settings = loadSettings({ SECRETS_PATHS: allowed, DATA_DIR: join(secret, 'data') })
  const { secrets } = boundsOf(settings, env, async () => true)
  const naive = { env }
  assert.equal(await lookUp({ file: join(allowed, 'alias') }, naive), 'trb_very-secret-indeed', 'that is no attack')
  assert.equal(await lookUp({ env: 'REDIS_PASSWORD' }, naive), 'p', 'that is no attack')
  const known = { env, bounds: secrets }
  for (const file of [
    token,
    'alias',
    'shadow',
    '../shadow',
    '/etc/hostname',
    '/proc/self/environ',
    join(secret, 'data/key'),
  ])
    await assert.rejects(
      lookUp({ file: file.startsWith('/') ? file : join(allowed, file) }, known),
      { code: 'forbidden' },
      file,
    )
  for (const name of [
    'REDIS_PASSWORD',
    'ADMIN_TOKEN',
    'ADMIN_TOKEN_FILE',
    'OTEL_EXPORTER_OTLP_HEADERS',
    'NODE_OPTIONS',
  ])
    await assert.rejects(lookUp({ env: name }, known), { code: 'forbidden' }, name)
  assert.equal(await lookUp({ file: other }, known), 'trb_very-secret-indeed')
  assert.equal(await lookUp({ env: 'PEER' }, known), 'peer')
})

test('confused deputy: a secret that is no file holds nothing up', async (t) => {
  const { allowed } = given(t)
  const bounds = new SecretBounds({ allowed: [allowed], own: [], isOwnVariable: () => false })
  await assert.rejects(lookUp({ file: join(allowed, 'below') }, { env: {}, bounds }), { code: 'unavailable' })
})
