/**
 * What kinds whose resources are documents must do, said once: what `conformance.ts` says of bytes. The places that a rig
 * makes have the schema `simple`.
 */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { suite, test } from 'node:test'
import type { ResourceResult } from '../../../src/endpoints/endpoint.ts'
import { parsePath } from '../../../src/resources/path.ts'
import { deletes, deliveryOf, pack, puts, type Tree } from '../deliveries.ts'
import { never } from '../trees.ts'
import { benchOf, treeOf, type Rig } from './bench.ts'
import { awkward, docs } from './document-trees.ts'
import { listing } from './documents-listed.ts'

export function holdsDocuments(rig: Rig): void {
  applying(rig)
  listing(rig)
}

function applying(rig: Rig): void {
  suite(`${rig.kind.name}, documents applied`, () => {
    test('what was applied is there, to the digit, under any name', async (t) => {
      const { apply, held } = await benchOf(rig, t)
      await apply(puts(awkward))
      assert.deepEqual(await held(), treeOf(awkward))
      await apply(puts(awkward))
      assert.deepEqual(await held(), treeOf(awkward))
    })

    test('content is compared as the document that it is, however its JSON is written', async (t) => {
      const { apply, held } = await benchOf(rig, t)
      await apply(puts({ '/foo/1': ' {"type":"foo",\r\n"says":[1,{"b":2,"a":"\u00e9"}],"id":"1"}' }))
      assert.deepEqual(await held(), treeOf(docs({ 'foo/1': String.raw`[1, {"a": "\u00e9", "b": 2}]` })))
    })

    test('an update replaces what the package lists, and leaves the rest', async (t) => {
      const { apply, held } = await benchOf(rig, t)
      await apply(puts(docs({ 'foo/1': '"old"', 'foo/2': '"kept"', 'zoo/1': '"kept"' })))
      await apply(puts(docs({ 'bar/1': '"new"', 'foo/1': '"new"', 'foo/3': '"new"' })))
      assert.deepEqual(
        await held(),
        treeOf(docs({ 'bar/1': '"new"', 'foo/1': '"new"', 'foo/2': '"kept"', 'foo/3': '"new"', 'zoo/1': '"kept"' })),
      )
    })

    test('what is deleted is gone, a type with all of it, and what is not there needs no deleting', async (t) => {
      const { apply, held } = await benchOf(rig, t)
      await apply(puts(docs({ 'bar/1': '1', 'bar/2': '2', 'foo/1': '1', 'foo/2': '2', 'foo/2-b': '3' })))
      await apply([deletes('/bar'), deletes('/foo/2'), deletes('/foo/none'), deletes('/none')])
      await apply([deletes('/', false), deletes('/foo', false), deletes('/foo/1/below')])
      assert.deepEqual(await held(), treeOf(docs({ 'foo/1': '1', 'foo/2-b': '3' })))
      await apply([deletes('/')])
      assert.deepEqual(await held(), [])
      await apply(puts(docs({ 'foo/1': '"again"' })))
      assert.deepEqual(await held(), treeOf(docs({ 'foo/1': '"again"' })))
    })

    test('with paths, only what lies within them is applied', async (t) => {
      const { target, held } = await benchOf(rig, t)
      const pkg = await pack(t, puts(docs({ 'bar/1': '1', 'foo/1': '1', 'foo/2': '2', 'zoo/1': '1' })))
      const receipt = await target.apply(deliveryOf(pkg, { paths: ['/foo/2', '/zoo'].map(parsePath) }), never)
      assert.equal(receipt.entries, 3)
      assert.deepEqual(await held(), treeOf(docs({ 'foo/2': '2', 'zoo/1': '1' })))
    })

    test('a large document arrives whole', async (t) => {
      const { apply, held } = await benchOf(rig, t)
      const tree = docs({ 'foo/1': JSON.stringify('large '.repeat(500_000)), 'foo/2': '2' })
      await apply(puts(tree))
      assert.deepEqual(await held(), treeOf(tree))
    })

    test('the receipt names what was applied, and each result what became of it', async (t) => {
      const { target, apply } = await benchOf(rig, t)
      await apply(puts(docs({ 'foo/1': '1', 'foo/2': '2', 'foo/3': '3', 'foo/4': '4' })))
      const tree = docs({ 'bar/1': '1', 'foo/1': '1', 'foo/2': '22' })
      const pkg = await pack(t, [...puts(tree), deletes('/foo/3'), deletes('/foo/none')])
      const results: ResourceResult[] = []
      const receipt = await target.apply(
        deliveryOf(pkg, { id: 'a/b/c', result: (result) => void results.push(result) }),
        never,
      )
      assert.deepEqual([receipt.delivery, receipt.package, receipt.entries], ['a/b/c', pkg.id, 7])
      assert.equal(
        receipt.bytes,
        Object.values(tree).reduce((sum: number, one) => sum + (one?.length ?? 0), 0),
      )
      assert.deepEqual(results.map(({ path, outcome }) => `${path} ${outcome}`).toSorted(), [
        '/bar/1 created',
        '/foo/1 unchanged',
        '/foo/2 updated',
        '/foo/3 deleted',
      ])
    })
  })

  suite(`${rig.kind.name}, documents refused`, () => {
    for (const [what, path, content, message] of [
      ['is no JSON', '/foo/1', '<html>', /"\/foo\/1" .*this is no JSON/],
      ['is no text', '/foo/1', Buffer.from([0x22, 0xff, 0x22]), /"\/foo\/1" .*not in UTF-8/],
      ['says that it is another one', '/foo/1', '{"id": "2", "type": "foo"}', /"\/foo\/1" .*it is "foo\/2"/],
      ['is not at a path of two segments', '/foo/1/2', '{"id": "2", "type": "foo"}', /"\/foo\/1\/2" .*two segments/],
      ['is a list of others', '/foo/1', '[{"id": "2", "type": "foo"}]', /"\/foo\/1" .*it is a list/],
      ['is a folder where a document would be', '/foo/1', null, /"\/foo\/1" .*holds no others/],
    ] as const)
      test(`what ${what} is refused by name, and nothing changes`, async (t) => {
        const { apply, held } = await benchOf(rig, t)
        await apply(puts(docs({ 'foo/0': '"kept"', 'foo/1': '"old"' })))
        const changes = puts({ ...docs({ 'bar/1': '1', 'foo/0': '"new"', 'zoo/1': '1' }), [path]: content })
        await assert.rejects(apply(changes), { name: 'ReplicationError', code: 'invalid', message })
        assert.deepEqual(await held(), treeOf(docs({ 'foo/0': '"kept"', 'foo/1': '"old"' })))
      })

    test('told to go on, it writes all others, and throws in the end', async (t) => {
      const { target, apply, held } = await benchOf(rig, t)
      await apply(puts(docs({ 'foo/1': '"old"' })))
      const pkg = await pack(t, puts({ ...docs({ 'bar/1': '1', 'zoo/1': '1' }), '/foo/1': '}', '/foo/2': '{' }))
      const results: ResourceResult[] = []
      const delivery = deliveryOf(pkg, { onFailure: 'go-on', result: (result) => void results.push(result) })
      await assert.rejects(target.apply(delivery, never), {
        code: 'invalid',
        message: /^2 of 6 could not be written: "\/foo\/1" .*; "\/foo\/2" /,
      })
      assert.deepEqual(await held(), treeOf(docs({ 'bar/1': '1', 'foo/1': '"old"', 'zoo/1': '1' })))
      assert.deepEqual(results.map(({ path, outcome, error }) => `${path} ${outcome} ${error?.code}`).toSorted(), [
        '/bar/1 created undefined',
        '/foo/1 failed invalid',
        '/foo/2 failed invalid',
        '/zoo/1 created undefined',
      ])
    })

    test('a package that is damaged changes nothing', async (t) => {
      const { target, apply, held } = await benchOf(rig, t)
      const before = docs({ 'foo/1': '"old"', 'foo/2': '"old"' })
      await apply(puts(before))
      const pkg = await pack(t, puts(docs({ 'foo/1': '"new"', 'foo/2': `"${'new'.repeat(3000)}"` })))
      const bytes = await readFile(pkg.file)
      bytes.writeUInt8(bytes.readUInt8(Math.floor(bytes.length / 3)) ^ 0x55, Math.floor(bytes.length / 3))
      await writeFile(pkg.file, bytes)
      await assert.rejects(target.apply(deliveryOf(pkg), never), { name: 'ReplicationError' })
      assert.deepEqual(await held(), treeOf(before))
    })
  })

  suite(`${rig.kind.name}, documents applied again`, () => {
    test('a delivery that comes twice is applied once, and answers the same receipt', async (t) => {
      const { target, apply, held } = await benchOf(rig, t)
      const delivery = deliveryOf(await pack(t, puts(docs({ 'foo/1': '1' }))))
      const receipt = await target.apply(delivery, never)
      await apply(puts(docs({ 'foo/1': '2' })))
      assert.deepEqual(await target.apply({ ...delivery, epoch: 2 }, never), receipt)
      assert.deepEqual(await held(), treeOf(docs({ 'foo/1': '2' })))
    })

    test('an older epoch of a lane is refused, and changes nothing', async (t) => {
      const { target, held } = await benchOf(rig, t)
      const [old, young] = [await pack(t, puts(docs({ 'foo/1': '1' }))), await pack(t, puts(docs({ 'foo/1': '2' })))]
      await target.apply(deliveryOf(young, { epoch: 11 }), never)
      await assert.rejects(target.apply(deliveryOf(old, { epoch: 10 }), never), { code: 'conflict' })
      assert.deepEqual(await held(), treeOf(docs({ 'foo/1': '2' })))
    })

    test('when it is aborted each is as it was or as it shall be, and trying again ends well', async (t) => {
      const { target, apply, held } = await benchOf(rig, t)
      const tree = (says: string): Tree =>
        docs(Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`foo/${i}`, says])))
      const [old, young] = [tree('"old"'), tree('"new"')]
      await apply(puts(old))
      const delivery = deliveryOf(await pack(t, puts(young)))
      for (const ms of [0, 1, 5, 20, 50]) {
        const abort = new AbortController()
        const timer = setTimeout(() => abort.abort(new Error('enough')), ms)
        await target.apply(delivery, abort.signal).catch((error: unknown) => assert.match(String(error), /enough/))
        clearTimeout(timer)
        for (const [path, content] of await held()) assert.ok(content === old[path] || content === young[path], path)
      }
      await target.apply(delivery, never)
      assert.deepEqual(await held(), treeOf(young))
    })
  })
}
