import assert from 'node:assert/strict'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import type { EndpointKind, Source, Target, TargetDelivery } from '../../src/endpoints/endpoint.ts'
import { file } from '../../src/endpoints/file.ts'
import type { FileOptions } from '../../src/endpoints/file/options.ts'
import type { Change } from '../../src/resources/resource.ts'
import { shown, treeOf } from './conformance/bench.ts'
import { docs } from './conformance/document-trees.ts'
import { holdsDocuments } from './conformance/documents.ts'
import { deletes, deliveryOf, pack, puts } from './deliveries.ts'
import { makeFolder, never, pathsIn, readAll } from './trees.ts'

for (const ending of ['yaml', 'json', 'ndjson'])
  holdsDocuments({
    kind: { ...(file as EndpointKind), name: `file in ${ending}` },
    make: async (t) => ({ options: { path: join(await makeFolder(t), `not/yet/all.${ending}`), schema: 'simple' } }),
  })

const context = { installation: 'test' }

function sourceAt(path: string, options: Partial<FileOptions> = {}): Source {
  return file.source?.({ path, schema: 'simple', ...options }, context) ?? assert.fail()
}

function targetAt(path: string, options: Partial<FileOptions> = {}): Target {
  return file.target?.({ path, schema: 'simple', ...options }, context) ?? assert.fail()
}

async function apply(
  t: Parameters<typeof pack>[0],
  path: string,
  changes: readonly Change[],
  options: Partial<TargetDelivery & FileOptions> = {},
): Promise<void> {
  const { format, ...delivery } = options
  const target = targetAt(path, format === undefined ? {} : { format })
  await target.apply(deliveryOf(await pack(t, changes), delivery), never)
}

const two = docs({ 'bar/1': '["no", 1.0]', 'foo/1': '"2020-01-01"' })
const yaml = "---\nid: '1'\nsays:\n  - 'no'\n  - 1.0\ntype: bar\n---\nid: '1'\nsays: '2020-01-01'\ntype: foo\n"
const lines = ['{"id": "1", "says": ["no", 1.0], "type": "bar"}', '{"id": "1", "says": "2020-01-01", "type": "foo"}']

test('each format has its own form, told by the ending, by what is there, or by the option', async (t) => {
  const folder = await makeFolder(t)
  const list = `[\n${lines.join(',\n')}\n]\n`
  const ndjson = `${lines.join('\n')}\n`
  for (const [name, content] of [
    ['a.yaml', yaml],
    ['a.YML', yaml],
    ['a.json', list],
    ['a.ndjson', ndjson],
    ['a.jsonl', ndjson],
    ['a', yaml],
  ] as const) {
    await apply(t, join(folder, name), puts(two))
    assert.equal(readFileSync(join(folder, name), 'utf8'), content, name)
  }
  await apply(t, join(folder, 'b'), puts(two), { format: 'ndjson' })
  assert.equal(readFileSync(join(folder, 'b'), 'utf8'), ndjson)
  for (const [before, after] of [
    ['[]', list],
    [`${lines[0]}\n`, ndjson],
    ['# nothing\n', yaml],
    ['', yaml],
  ] as const) {
    writeFileSync(join(folder, 'c'), before)
    await apply(t, join(folder, 'c'), puts(two))
    assert.equal(readFileSync(join(folder, 'c'), 'utf8'), after)
  }
  for (const [name, empty] of [
    ['none.yaml', ''],
    ['none.json', '[]\n'],
    ['none.ndjson', ''],
  ] as const) {
    await apply(t, join(folder, name), [])
    assert.equal(readFileSync(join(folder, name), 'utf8'), empty)
    assert.deepEqual(await pathsIn(sourceAt(join(folder, name))), ['/'])
  }
})

test('a file that people wrote is read in any order, and written back sorted', async (t) => {
  const path = join(await makeFolder(t), 'all.yaml')
  writeFileSync(
    path,
    '\ufeff# all of them\r\n---\r\n---\r\ntype: foo\r\nid: 1\r\nsays: 2020-01-01\r\n---\r\n# a page\r\nembedded:\r\n' +
      '- {type: bar, id: "1", says: [no, 1.0]}\r\n- {type: bar, id: "1", says: [no, 1.0]}\r\n...\r\n',
  )
  assert.deepEqual(
    shown(await readAll(sourceAt(path))),
    treeOf({ ...two, '/foo/1': '{"id": 1, "says": "2020-01-01", "type": "foo"}\n' }),
  )
  await apply(t, path, puts({ '/foo/1': two['/foo/1'] ?? null }))
  assert.equal(readFileSync(path, 'utf8'), yaml)
})

test('a file that would be the same is not written, and one that is written keeps its mode', async (t) => {
  const path = join(await makeFolder(t), 'all.yaml')
  writeFileSync(path, yaml)
  chmodSync(path, 0o640)
  const before = statSync(path)
  await apply(t, path, puts(two))
  assert.deepEqual([statSync(path).ino, statSync(path).mtimeMs], [before.ino, before.mtimeMs])
  await apply(t, path, puts(docs({ 'foo/1': '2' })))
  assert.notEqual(statSync(path).ino, before.ino)
  assert.equal(statSync(path).mode, before.mode)
})

test('through a link the file that it leads to is written, and the link stays', async (t) => {
  const folder = await makeFolder(t)
  const [link, real] = [join(folder, 'link.yaml'), join(folder, 'there/real')]
  mkdirSync(join(folder, 'there'))
  symlinkSync('there/real', link)
  for (let i = 0; i < 2; i++) {
    await apply(t, link, puts(docs({ 'foo/1': String(i) })))
    assert.ok(lstatSync(link).isSymbolicLink())
    assert.match(readFileSync(real, 'utf8'), new RegExp(`says: ${i}\n`))
    assert.equal((await readAll(sourceAt(link))).length, 3)
  }
  assert.deepEqual(readdirSync(folder).toSorted(), ['link.yaml', 'there'])
  assert.deepEqual(readdirSync(join(folder, 'there')).toSorted(), ['.trebuchet-real', 'real'])
  assert.deepEqual(await file.place({ path: link }), await file.place({ path: real }))
})

test('what is no document of a file, or is two, is refused with its number, and nothing is written', async (t) => {
  const path = join(await makeFolder(t), 'all.yaml')
  for (const [content, code, message] of [
    ['id: 1\ntype: foo\n---\nid: 2\n', 'invalid', /document 2 on line 3: the document with the id "2" has no type/],
    ['type: foo\n', 'invalid', /document 1 on line 1: .*has no id/],
    ['id: [\n', 'invalid', /document 1 on line 1: this is no YAML/],
    ['- 1\n', 'invalid', /document 1 on line 1: .*has no id/],
    ['{id: 1, type: foo}\n---\n{id: "1", type: foo}\n', 'conflict', /"foo\/1" comes twice, and says different/],
    [`{id: ${'x'.repeat(300)}, type: foo}\n`, 'invalid', /longer than a name/],
  ] as const) {
    writeFileSync(path, content)
    await assert.rejects(readAll(sourceAt(path)), { code, message })
    await assert.rejects(apply(t, path, puts(two)), { code, message })
    assert.equal(readFileSync(path, 'utf8'), content)
  }
})

test('a folder, or a path that leads through a file, is no file', async (t) => {
  const folder = await makeFolder(t)
  mkdirSync(join(folder, 'a.yaml'))
  writeFileSync(join(folder, 'b'), '')
  await assert.rejects(readAll(sourceAt(join(folder, 'a.yaml'))), { code: 'invalid', message: /is a folder/ })
  await assert.rejects(apply(t, join(folder, 'a.yaml'), puts(two)), { code: 'invalid', message: /is a folder/ })
  await assert.rejects(apply(t, join(folder, 'b/c.yaml'), puts(two)), { code: 'invalid' })
  await assert.rejects(readAll(sourceAt(join(folder, 'none.yaml'))), { code: 'missing' })
  const steps = []
  for await (const { step, ok } of targetAt(join(folder, 'a.yaml')).test(never)) steps.push([step, ok])
  assert.deepEqual(steps, [['file', false]])
})

test('many that write the same file at the same time lose nothing of each other', { timeout: 60_000 }, async (t) => {
  const path = join(await makeFolder(t), 'all.ndjson')
  const names = Array.from({ length: 6 }, (_, i) => `foo/${i}`)
  await Promise.all(
    names.map(async (name) => {
      const delivery = deliveryOf(await pack(t, puts(docs({ [name]: '1' }))), { lane: name })
      for (;;)
        try {
          return await targetAt(path).apply(delivery, never)
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'unavailable', String(error))
          await setTimeout(Math.random() * 20)
        }
    }),
  )
  const all = docs(Object.fromEntries(names.map((name) => [name, '1'])))
  assert.deepEqual(shown(await readAll(sourceAt(path))), treeOf(all))
  // Somebody may have died while he had the lock.
  mkdirSync(join(path, '../.trebuchet-all.ndjson/lock'))
  await apply(t, path, [deletes('/foo')])
  assert.equal(readFileSync(path, 'utf8'), '')
  assert.ok(!readdirSync(join(path, '../.trebuchet-all.ndjson')).includes('lock'))
})
