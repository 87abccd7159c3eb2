/**
 * A package removes only what lies within its own roots and the agent's. What each kind of target removes when a part is asked for is said
 * in test/endpoints/conformance, and what a manifest may not list in test/packages/hostile/invalid/deletes-outside-the-roots.ts.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pino } from 'pino'
import { defaultLimits } from '../../src/packages/limits.ts'
import type { ManifestHeader } from '../../src/packages/manifest.ts'
import { openPackage } from '../../src/packages/read.ts'
import { verifyPackage } from '../../src/packages/verify.ts'
import { writeIndex, writePackage } from '../../src/packages/write.ts'
import { startServer } from '../../src/server.ts'
import { loadSettings } from '../../src/settings.ts'
import { Client } from '../end-to-end/client.ts'
import { engineSettings } from '../home.ts'
import { changesOf, headerOf, never, origin, type Tree } from '../packages/trees.ts'

const folder = mkdtempSync(join(tmpdir(), 'trebuchet-deletions-'))
const server = await startServer(
  loadSettings({
    ...{ PORT: '0', DATA_DIR: join(folder, 'data'), CONFIG_DIR: join(folder, 'config'), ALLOWED_PATHS: folder },
    ...engineSettings(folder),
  }),
  pino({ level: 'silent' }),
)
after(async () => {
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})
const client = new Client(server.url, [])

let made = 0
async function packageOf(tree: Tree, header: ManifestHeader): Promise<string> {
  const file = join(folder, `${made++}.zip`)
  await writePackage(header, changesOf(tree), { file, origin, signal: never })
  return file
}

/** Another target each time, that holds something within the agent's roots, and something beside them. */
async function agentWithTarget(): Promise<{ name: string; path: string; names: () => string[] }> {
  const name = `agent${made++}`
  const path = join(folder, name)
  for (const below of ['content', 'secret']) {
    mkdirSync(join(path, below), { recursive: true })
    writeFileSync(join(path, below, 'a.txt'), 'a')
  }
  const deletes = { maxPercent: 100, maxCount: 1000 }
  await client.agent({ name, roots: ['/content'], deletes, targets: [{ kind: 'directory', path }] })
  const names = (): string[] =>
    readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((one) => one.endsWith('.txt'))
  return { name, path, names }
}

const attacks: readonly (readonly [what: string, tree: Tree, header: ManifestHeader])[] = [
  ['a mirror of everything', { '/content': null }, { ...headerOf('/'), mode: 'mirror' }],
  ['a mirror of what is beside', { '/secret': null }, { ...headerOf('/secret'), mode: 'mirror' }],
  ['the deletion of the root', { '/': { delete: 'deep' } }, { ...headerOf('/'), action: 'delete' }],
  ['a deletion beside', { '/secret': { delete: 'deep' } }, { ...headerOf('/secret'), action: 'delete' }],
  [
    'a deletion beside, in a package that also has what is admitted',
    { '/content/b': 'b', '/secret/a.txt': { delete: 'alone' } },
    headerOf('/content', '/secret'),
  ],
]

/** What is done by whoever believes that a package only concerns what the agent is for. */
async function naiveApply(file: string, path: string): Promise<void> {
  const pkg = await openPackage(file)
  try {
    const listed = new Set<string>()
    for await (const { kind, entry } of pkg.changes()) {
      if (kind === 'delete') rmSync(join(path, entry.path), { recursive: true, force: true })
      else listed.add(entry.path)
    }
    if (pkg.header.mode !== 'mirror') return
    for (const root of pkg.header.roots)
      for (const name of readdirSync(join(path, root)))
        if (!listed.has(join(root, name))) rmSync(join(path, root, name), { recursive: true })
  } finally {
    await pkg.close()
  }
}

for (const [what, tree, header] of attacks)
  test(`deletion outside: ${what} is refused, and with paths it removes within these alone`, async () => {
    const file = await packageOf(tree, header)
    const victim = await agentWithTarget()
    await naiveApply(file, victim.path)
    assert.ok(!existsSync(join(victim.path, 'secret/a.txt')))

    const { name, names } = await agentWithTarget()
    const send = (query: Record<string, string>): Promise<Response> =>
      client.fetch('POST', `/replication/agent/${name}/import`, {
        ...{ query, body: readFileSync(file) },
        headers: { 'content-type': 'application/zip', prefer: 'wait=20' },
      })
    const whole = await send({})
    assert.equal(whole.status, 400, await whole.text())
    assert.deepEqual(names().toSorted(), ['content/a.txt', 'secret/a.txt'])
    const part = await send({ path: '/content' })
    assert.equal(part.status, 200, await part.text())
    assert.ok(names().includes('secret/a.txt'))
  })

for (const [what, tree, header] of attacks)
  test(`deletion outside: ${what} is refused as the part of an index too, whose roots are admitted`, async () => {
    const file = await packageOf(tree, header)
    const { id, action, entries, bytes } = await verifyPackage(file, defaultLimits, never)
    const index = `${file}.index`
    const part = { type: 'part', package: id, entries, bytes } as const
    await writeIndex({ ...headerOf('/content'), action }, [part], { file: index, signal: never })
    const { name, names } = await agentWithTarget()
    const send = async (zip: string): Promise<number> => {
      const answer = await client.fetch('POST', `/replication/agent/${name}/import`, {
        body: readFileSync(zip),
        headers: { 'content-type': 'application/zip', prefer: 'wait=20' },
      })
      await answer.text()
      return answer.status
    }
    assert.equal(await send(file), 400, 'it is here now, though no agent takes it')
    assert.equal(await send(index), 400)
    assert.deepEqual(names().toSorted(), ['content/a.txt', 'secret/a.txt'])
  })
