import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { scan } from '../../src/state/store.ts'
import { onRedis } from '../home.ts'
import { onState, Program, stateFolder, trebuchet, type Outcome } from './program.ts'

const engine = onRedis ? 'redis' : 'embedded'

function assertDone({ code, stderr }: Outcome): void {
  assert.equal(code, 0, stderr)
}

function assertFailed({ code, stderr, stdout }: Outcome, says: RegExp): void {
  assert.equal(code, 1, stderr)
  assert.match(stderr, says)
  assert.match(stderr, /^trebuchet: [^\n]+\n$/, 'it says more than one line')
  assert.equal(stdout, '')
}

/** An installation with these entries. */
async function plant(folder: string, entries: Readonly<Record<string, unknown>>): Promise<void> {
  const writes = Object.entries({ installation: '01JTEST', ...entries }).map(([put, value]) => ({ put, value }))
  await onState(folder, (store) => store.commit({ writes }))
}

/** The entries of the state, without what is true of this place alone. */
function entriesIn(folder: string): Promise<Record<string, unknown>> {
  return onState(folder, async (store) => {
    const found: Record<string, unknown> = {}
    for await (const { key, value } of scan(store, { from: '!', to: '\u0080' }))
      if (key !== 'packages-folder') found[key] = value
    return found
  })
}

const entries = { 'config/a': { secret: 'plain' }, 'command/1': { paths: ['/ü'] }, '~sequence/events': 7 }
const all = { installation: '01JTEST', ...entries }

test('an export to standard output is all that is there, and what is said to people is not', async (t) => {
  const folder = stateFolder(t)
  await plant(folder, entries)
  for (const args of [[], ['-']]) {
    const outcome = await trebuchet(folder, ['state', 'export', ...args])
    assertDone(outcome)
    const lines = outcome.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const [header, trailer] = [lines.shift(), lines.pop()]
    assert.deepEqual(
      { ...header, at: undefined },
      { format: 'trebuchet-state', version: 1, engine, installation: '01JTEST', at: undefined },
    )
    assert.deepEqual(Object.fromEntries(lines.map(({ key, value }) => [key, value])), all)
    assert.equal(trailer?.['entries'], 4)
    assert.equal(outcome.stderr, 'trebuchet: exported 4 entries, 0 packages\n')
  }
})

test('an export to a file is for its owner alone, takes the place of an older one, and leaves nothing else', async (t) => {
  const folder = stateFolder(t)
  await plant(folder, entries)
  const file = join(folder, 'backup')
  writeFileSync(file, 'older', { mode: 0o644 })
  assertDone(await trebuchet(folder, ['state', 'export', file]))
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.match(readFileSync(file, 'utf8'), /"digest":"sha256-[0-9a-f]{64}"\}\n$/)
  assert.ok(!existsSync(`${file}.partial`))
})

test('what is exported from one state and imported into another is the same, and gives the same export', async (t) => {
  const [from, to] = [stateFolder(t), stateFolder(t)]
  await plant(from, entries)
  const first = await trebuchet(from, ['state', 'export'])
  const imported = await trebuchet(to, ['state', 'import', '-'], { input: first.stdout })
  assertDone(imported)
  assert.equal(imported.stdout, '')
  assert.match(imported.stderr, /imported 4 entries, 0 packages, of installation 01JTEST as it was at /)
  assert.deepEqual(await entriesIn(to), all)
  const second = await trebuchet(to, ['state', 'export'])
  assert.deepEqual(second.stdout.split('\n').slice(1), first.stdout.split('\n').slice(1))
})

test('no plain secret leaves a state or comes into one, and both say which key is needed', async (t) => {
  const [from, to] = [stateFolder(t), stateFolder(t)]
  const far = { name: 'far', kind: 'remote', url: 'https://far.example', agent: 'in', token: 'of an older version' }
  const config = { name: 'b', targets: [far] }
  await plant(from, { 'config/b': { revision: 1, config }, 'config-revision/b/00000001': { number: 1, config } })
  const exported = await trebuchet(from, ['state', 'export'])
  assertDone(exported)
  assert.doesNotMatch(exported.stdout, /of an older version/)
  assert.match(exported.stderr, /who uses it needs key [0-9a-f]{16}, of SECRETS_KEY/)
  const another = { SECRETS_KEY: Buffer.alloc(32, 'another').toString('base64') }
  const imported = await trebuchet(to, ['state', 'import', '-'], { input: exported.stdout, env: another })
  assert.match(imported.stderr, /warning: secrets in it need key [0-9a-f]{16}, not here/)
  const old = exported.stdout.split('\n').filter((line) => !line.includes('"key":"config'))
  const lines = [
    ['config-revision/b/00000001', { number: 1, config }],
    ['config/b', { revision: 1, config }],
  ].map(([key, value]) => JSON.stringify({ key, value }))
  const entries = [...lines, ...old.slice(1, -2)]
  const digest = `sha256-${hash('sha256', entries.map((line) => `${line}\n`).join(''))}`
  const input = `${[old[0], ...entries, JSON.stringify({ entries: entries.length, digest })].join('\n')}\n`
  assertDone(await trebuchet(to, ['state', 'import', '-', '--replace'], { input, env: another }))
  const kept = JSON.stringify(await entriesIn(to))
  assert.match(kept, /secret-key\/[0-9a-f]{16}/)
  assert.doesNotMatch(kept, /of an older version/)
})

test('a state that is there is replaced only when that is asked for', async (t) => {
  const [from, to] = [stateFolder(t), stateFolder(t)]
  await plant(from, entries)
  await plant(to, { 'config/b': 1 })
  const file = join(from, 'backup')
  assertDone(await trebuchet(from, ['state', 'export', file]))
  assertFailed(await trebuchet(to, ['state', 'import', file]), /holds a state already.*--replace/)
  assert.deepEqual(await entriesIn(to), { installation: '01JTEST', 'config/b': 1 })
  assertDone(await trebuchet(to, ['state', 'import', file, '--replace']))
  assert.deepEqual(await entriesIn(to), all)
})

for (const { name, damage, says } of [
  {
    name: 'was cut off',
    damage: (text: string) => text.slice(0, -60),
    says: /damaged: it breaks off behind 4 entries/,
  },
  { name: 'lacks an entry', damage: (text: string) => text.replace(/.*config\/a.*\n/, ''), says: /damaged/ },
  { name: 'is of something else', damage: () => '{}\n', says: /no export of a state/ },
  { name: 'is empty', damage: () => '', says: /no export of a state/ },
])
  test(`an export that ${name} is refused, and the state stays as it was`, async (t) => {
    const [from, to] = [stateFolder(t), stateFolder(t)]
    await plant(from, entries)
    await plant(to, { 'config/b': 1 })
    const input = damage((await trebuchet(from, ['state', 'export'])).stdout)
    assertFailed(await trebuchet(to, ['state', 'import', '-', '--replace'], { input }), says)
    assert.deepEqual(await entriesIn(to), { installation: '01JTEST', 'config/b': 1 })
    assert.deepEqual(
      readdirSync(to).filter((one) => one.startsWith('state.')),
      [],
    )
  })

test('an import that is told to end leaves nothing behind', async (t) => {
  const folder = stateFolder(t)
  await plant(folder, entries)
  const { stdout } = await trebuchet(folder, ['state', 'export'])
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const program = new Program(folder, ['state', 'import', '-', '--replace'])
    const [header] = stdout.split('\n')
    // More than a pipe holds, so some of it has been read when all of it is sent; then it waits for the rest.
    const value = 'x'.repeat(1000)
    const filler = Array.from({ length: 500 }, (_, i) =>
      JSON.stringify({ key: `a/${String(i).padStart(9, '0')}`, value }),
    )
    await new Promise((resolve) => program.child.stdin?.write([header, ...filler, ''].join('\n'), resolve))
    program.child.kill(signal)
    const outcome = await program.ended()
    assert.equal(outcome.code, code, outcome.stderr)
    assert.match(outcome.stderr, /interrupted; nothing has changed/)
    assert.deepEqual(await entriesIn(folder), all)
  }
})

test('where there is no state, nothing is exported, and the older file stays', async (t) => {
  const folder = stateFolder(t)
  const file = join(folder, 'backup')
  writeFileSync(file, 'older')
  assertFailed(await trebuchet(folder, ['state', 'export', file]), /there is no state/)
  assert.equal(readFileSync(file, 'utf8'), 'older')
})

test('help says what is in an export, and wrong usage is told from failure', async (t) => {
  const folder = stateFolder(t)
  const help = await trebuchet(folder, ['state', 'export', '--help'])
  assertDone(help)
  for (const word of ['secrets', 'PACKAGES_DIR', 'Exit status'])
    assert.ok(help.stdout.includes(word), `export --help does not speak of ${word}`)
  assertDone(await trebuchet(folder, ['state', 'import', '--help']))
  for (const args of [
    ['state'],
    ['state', 'import'],
    ['state', 'import', 'x', '--abandon'],
    ['state', 'export', '--no-such'],
    ['fly'],
  ]) {
    const { code, stderr, stdout } = await trebuchet(folder, args)
    assert.equal(code, 2, `${args.join(' ')}: ${stderr}`)
    assert.equal(stdout, '')
  }
  assertFailed(await trebuchet(folder, ['state', 'import', join(folder, 'none')]), /ENOENT/)
  assertFailed(await trebuchet(folder, ['state', 'export'], { env: { PORT: 'x' } }), /PORT/)
})

test('memory does not grow with the state', async (t) => {
  const [from, to] = [stateFolder(t), stateFolder(t)]
  const value = { text: 'x'.repeat(4000) }
  await plant(from, {})
  await onState(from, async (store) => {
    for (let i = 0; i < 12_000; i += 200)
      await store.commit({
        writes: Array.from({ length: 200 }, (_, k) => ({ put: `entry/${String(i + k).padStart(6, '0')}`, value })),
      })
  })
  const env = { NODE_OPTIONS: '--max-old-space-size=40' }
  const file = join(from, 'backup')
  assertDone(await trebuchet(from, ['state', 'export', file], { env }))
  assert.ok(statSync(file).size > 48_000_000)
  assertDone(await trebuchet(to, ['state', 'import', file], { env }))
  assert.equal(await onState(to, async (store) => (await store.get('entry/011999')) !== undefined), true)
})
