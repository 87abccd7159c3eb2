/** Which bytes a package has. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { writePackage } from '../../src/packages/write.ts'
import { readZipEnd } from '../../src/packages/zip-end.ts'
import { zipEntries } from '../../src/packages/zip-directory.ts'
import { stored } from '../../src/packages/zip-format.ts'
import { bytesAccess } from './bytes-access.ts'
import { changesOf, contentsOf, headerOf, never, noise, origin, packed, temporaryFolder } from './trees.ts'

const folder = await temporaryFolder()
let count = 0
const newFile = (): string => join(folder, `${++count}.zip`)

test('the manifest is spelt as the format says, and its digest is the id', async () => {
  const file = newFile()
  const made = await packed(file, { '/a b': null, '/a b/"é': 'x', '/z': { delete: 'deep' } }, headerOf('/a b', '/z'))
  const manifest =
    '{"format":1,"action":"add","mode":"update","roots":["/a b","/z"]}\n' +
    '{"type":"folder","path":"/a b"}\n' +
    '{"type":"file","path":"/a b/\\"é","digest":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881","size":1}\n' +
    '{"type":"delete","path":"/z","deep":true}\n'
  assert.equal(made.id, `sha256-${hash('sha256', manifest)}`)
})

test('the same content gives the same bytes, in any time zone, however it came', async () => {
  const script = fileURLToPath(new URL('./write-once.js', import.meta.url))
  const [here, there, again] = [newFile(), newFile(), newFile()]
  for (const [file, zone, how] of [
    [here, 'UTC', 'whole'],
    [there, 'Pacific/Kiritimati', 'whole'],
    [again, 'America/St_Johns', 'stream'],
  ] as const)
    execFileSync(process.execPath, [script, file, how], { env: { ...process.env, TZ: zone }, timeout: 60_000 })
  const bytes = await readFile(here)
  assert.ok(bytes.equals(await readFile(there)), 'another time zone')
  assert.ok(bytes.equals(await readFile(again)), 'as a stream')
})

test('who made it changes neither the id nor the content', async () => {
  const [one, other] = [newFile(), newFile()]
  const tree = { '/a': 'x' }
  const first = await packed(one, tree)
  const second = await writePackage(headerOf('/'), changesOf(tree), {
    file: other,
    signal: never,
    origin: { ...origin, command: 'another' },
  })
  assert.equal(first.id, second.id)
})

test('what packs well is packed, what does not is stored, and nothing is packed as tightly as a bomb', async () => {
  const file = newFile()
  const text = Buffer.from('{"title":"A page","tags":["one","two"]}\n'.repeat(60))
  const zeros = Buffer.alloc(30_000_000)
  const mixed = Buffer.concat([Buffer.alloc(2 ** 21, 'words and words\n'), noise(2 ** 20)])
  await packed(file, { '/mixed': mixed, '/noise': noise(500_000), '/text': text, '/zeros': zeros })
  const access = bytesAccess(await readFile(file))
  const found = new Map<string, { method: number; bytes: number }>()
  for await (const { name, method, packed: bytes } of zipEntries(access, await readZipEnd(access)))
    found.set(name.toString(), { method, bytes })
  const of = (name: string): { method: number; bytes: number } =>
    found.get(`jcr_root/${name}`) as { method: number; bytes: number }
  assert.ok(of('text').bytes < text.length / 10, `${of('text').bytes} of ${text.length}`)
  assert.deepEqual(of('noise'), { method: stored, bytes: 500_000 })
  assert.ok(of('mixed').bytes < 1.4 * 2 ** 20, `${of('mixed').bytes} of ${mixed.length}`)
  assert.ok(of('zeros').bytes > zeros.length / 100 && of('zeros').bytes < zeros.length / 60, `${of('zeros').bytes}`)
  assert.ok((await contentsOf(file))['/zeros']?.length === zeros.length)
})
