/**
 * WebDAV servers: Apache httpd (409 without the folder, honours `If-Match`, weak entity tags at first) and rclone (ignores
 * preconditions).
 */
import assert from 'node:assert/strict'
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { rootPath } from '../../src/resources/path.ts'
import { makeFolder, pathsIn } from '../endpoints/trees.ts'
import { Counter } from './counter.ts'
import { freePort, runPeer, skipWithout } from './program.ts'
import { roundTrip } from './round-trip.ts'
import { applyTo, documentsIn, sourceOf, sync, targetOf, type Documents } from './syncing.ts'

interface Peer {
  readonly counter: Counter
  /** What it serves. */
  readonly folder: string
}

const modules = '/usr/lib/apache2/modules'

async function apache(t: TestContext): Promise<Peer> {
  const home = await makeFolder(t)
  const folder = join(home, 'files')
  await mkdir(folder)
  const port = await freePort()
  const loaded = ['mpm_event', 'authz_core', 'authn_core', 'dav', 'dav_fs', 'setenvif']
  const config = [
    ...loaded.map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`),
    ...[`ServerRoot ${home}`, 'ServerName 127.0.0.1', `Listen 127.0.0.1:${port}`, `PidFile ${home}/pid`],
    ...[`ErrorLog ${home}/errors`, `DocumentRoot ${folder}`, `DavLockDB ${home}/locks`, `DefaultRuntimeDir ${home}`],
    // Who runs as root would serve as nobody in particular, who may not write there.
    ...(process.getuid?.() === 0 ? ['User nobody', 'Group nogroup'] : []),
    ...[`<Directory ${folder}>`, 'Dav On', 'Require all granted', '</Directory>'],
  ]
  await writeFile(join(home, 'httpd.conf'), config.join('\n'))
  for (const place of [home, folder]) await chmod(place, 0o777)
  const origin = `http://127.0.0.1:${port}`
  await runPeer(t, 'apache2', ['-X', '-f', join(home, 'httpd.conf')], origin)
  return { counter: await Counter.before(t, origin), folder }
}

async function rclone(t: TestContext): Promise<Peer> {
  const folder = await makeFolder(t)
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const config = join(await makeFolder(t), 'none.conf')
  await runPeer(
    t,
    'rclone',
    ['serve', 'webdav', '--config', config, '--addr', `127.0.0.1:${port}`, '--dir-cache-time', '0s', folder],
    origin,
  )
  return { counter: await Counter.before(t, origin), folder }
}

const peers = [
  { name: 'Apache httpd', program: 'apache2', start: apache },
  { name: 'rclone serve webdav', program: 'rclone', start: rclone },
]

const documents: Documents = Object.fromEntries(
  Array.from({ length: 60 }, (_, i): [string, object] => {
    const [type, id] = [`type ${i % 2}`, i === 7 ? '../a/b' : `é ${i}`]
    return [`${type}/${id}`, { id, text: `é ${i}`, big: 2 ** 40, nested: { list: ['yes', null, 1.5] } }]
  }),
) as Documents

for (const { name, program, start } of peers) {
  const wayOut = `.ci/run installs ${program === 'apache2' ? 'apache2-bin' : program}`

  test(`${name}: both ways, twice, changed and mirrored`, async (t) => {
    if (skipWithout(t, program, wayOut)) return
    const { counter, folder } = await start(t)
    await roundTrip(t, counter, { url: `${counter.origin}/some/place`, listing: 'webdav' }, documents)
    assert.deepEqual((await readdir(join(folder, 'some/place'))).toSorted(), ['type 0', 'type 1'])
  })

  test(`${name}: as YAML, and digits stay`, async (t) => {
    if (skipWithout(t, program, wayOut)) return
    const { counter, folder } = await start(t)
    const options = { url: counter.origin, listing: 'webdav', format: 'yaml' } as const
    const given = { 'a/1': '{"id": "1", "big": 12345678901234567890, "exact": 1.0, "date": "2020-01-01"}' }
    const { error } = await applyTo(t, targetOf(t, options), given)
    assert.equal(error, undefined)
    assert.match(await readFile(join(folder, 'a/1.yaml'), 'utf8'), /^big: 12345678901234567890\n/m)
    assert.equal(
      (await documentsIn(sourceOf(t, options)))['/a/1'],
      '{"big": 12345678901234567890, "date": "2020-01-01", "exact": 1.0, "id": "1"}\n',
    )
  })

  test(`${name}: a file of another ending is written as what it is, and what is no document is noted`, async (t) => {
    if (skipWithout(t, program, wayOut)) return
    const { counter, folder } = await start(t)
    for (const place of ['a', '.git']) await mkdir(join(folder, place))
    await writeFile(join(folder, 'a/1.yml'), '# By hand\nid: 1\n')
    await writeFile(join(folder, 'a/README.md'), 'Read it.')
    await writeFile(join(folder, '.git/config.json'), '{}')
    for (const place of ['a', 'a/1.yml', '.git']) await chmod(join(folder, place), 0o777)
    const options = { url: counter.origin, listing: 'webdav' } as const
    const notes: string[] = []
    const source = sourceOf(t, options)
    assert.deepEqual(await pathsIn(source, rootPath, { note: (note) => notes.push(note) }), ['/', '/a', '/a/1'])
    assert.equal(notes.length, 2)
    const { outcomes } = await applyTo(t, targetOf(t, options), { 'a/1': { id: 1, changed: true } })
    assert.deepEqual(outcomes, { '/a/1': 'updated' })
    assert.equal(await readFile(join(folder, 'a/1.yml'), 'utf8'), 'changed: true\nid: 1\n')
    const files = (await readdir(join(folder, 'a'))).filter((file) => !file.startsWith('.'))
    assert.deepEqual(files.toSorted(), ['1.yml', 'README.md'])
  })
}

test('from one WebDAV server into another, and back', async (t) => {
  for (const { program } of peers) if (skipWithout(t, program, 'see the others')) return
  const [one, other] = [await apache(t), await rclone(t)]
  const [here, there] = [one, other].map(({ counter }) => ({ url: counter.origin, listing: 'webdav' }) as const)
  assert.ok(here !== undefined && there !== undefined)
  await applyTo(t, targetOf(t, here), documents)
  await sync(t, sourceOf(t, here), targetOf(t, there))
  assert.deepEqual(await documentsIn(sourceOf(t, there)), await documentsIn(sourceOf(t, here)))
  for (const { counter } of [one, other]) counter.forget()
  await sync(t, sourceOf(t, here), targetOf(t, there))
  await sync(t, sourceOf(t, there), targetOf(t, here))
  assert.deepEqual([...one.counter.writes, ...other.counter.writes], [])
})
