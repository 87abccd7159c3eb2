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
import { bytesAccess } from '../../src/packages/random-access.ts'
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

test('what packs well is packed, what is small, packed by its type, does not pack, or packs as tightly as a bomb is stored', async () => {
  const file = newFile()
  const text = Buffer.from('{"title":"A page","tags":["one","two"]}\n'.repeat(150))
  const zeros = Buffer.alloc(30_000_000)
  const mixed = Buffer.concat([numbers(2 ** 21), noise(2 ** 20)])
  const bomb = Buffer.concat([numbers(2 ** 21), zeros])
  const contents = {
    bomb,
    mixed,
    noise: noise(500_000),
    noises: noise(2_500_000),
    'photo.JPG': text,
    small: text.subarray(0, 4000),
    text,
    zero: zeros.subarray(0, 2 ** 20),
    zeros,
  }
  await packed(file, Object.fromEntries(Object.entries(contents).map(([name, content]) => [`/${name}`, content])))
  const access = bytesAccess(await readFile(file))
  const found = new Map<string, { method: number; bytes: number }>()
  for await (const { name, method, packed: bytes } of zipEntries(access, await readZipEnd(access)))
    found.set(name.toString(), { method, bytes })
  const of = (name: string): { method: number; bytes: number } =>
    found.get(`jcr_root/${name}`) as { method: number; bytes: number }
  for (const name of ['noise', 'noises', 'photo.JPG', 'small', 'zero', 'zeros'] as const)
    assert.deepEqual(of(name), { method: stored, bytes: contents[name].length }, name)
  assert.ok(of('text').bytes < text.length / 10, `${of('text').bytes} of ${text.length}`)
  assert.ok(of('mixed').bytes < 2.2 * 2 ** 20, `${of('mixed').bytes} of ${mixed.length}`)
  assert.ok(of('bomb').bytes > bomb.length / 100, `${of('bomb').bytes} of ${bomb.length}`)
  const read = await contentsOf(file)
  for (const [name, content] of Object.entries(contents)) assert.ok((read[`/${name}`] as Buffer).equals(content), name)
})

function numbers(bytes: number): Buffer {
  return Buffer.from(Array.from({ length: bytes / 4 }, (_, i) => `${(i * 7919) % 10_007}`).join(',')).subarray(0, bytes)
}
