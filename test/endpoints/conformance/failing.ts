import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { suite, test } from 'node:test'
import { ReplicationError } from '../../../src/errors.ts'
import { until } from '../../agents/until.ts'
import { deletes, deliveryOf, pack, puts, type Tree } from '../deliveries.ts'
import { never } from '../trees.ts'
import { benchOf, treeOf, type Rig } from './bench.ts'

export function failing(rig: Rig): void {
  suite(`${rig.kind.name}, applying again`, () => {
    test('a delivery that comes twice is applied once, and answers the same receipt', async (t) => {
      const { target, apply, held } = await benchOf(rig, t)
      const delivery = deliveryOf(await pack(t, puts({ '/a': 'first' })))
      const receipt = await target.apply(delivery, never)
      await apply(puts({ '/a': 'second' }))
      assert.deepEqual(await target.apply({ ...delivery, epoch: 2 }, never), receipt)
      assert.deepEqual(await held(), treeOf({ '/a': 'second' }))
    })

    test('the same content in a later delivery is applied again', async (t) => {
      const { target, held } = await benchOf(rig, t)
      const [one, two] = [await pack(t, puts({ '/a': 'one' })), await pack(t, puts({ '/a': 'two' }))]
      for (const pkg of [one, two, one]) await target.apply(deliveryOf(pkg), never)
      assert.deepEqual(await held(), treeOf({ '/a': 'one' }))
    })

    test('what was added, deleted and added is there', async (t) => {
      const { apply, held } = await benchOf(rig, t)
      await apply(puts({ '/a/b': 'b' }))
      await apply([deletes('/a')])
      await apply(puts({ '/a/b': 'b' }))
      assert.deepEqual(await held(), treeOf({ '/a': null, '/a/b': 'b' }))
    })

    test('an older epoch of a lane is refused, and changes nothing', async (t) => {
      const { target, held } = await benchOf(rig, t)
      const [old, young] = [await pack(t, puts({ '/a': 'old' })), await pack(t, puts({ '/a': 'young' }))]
      await target.apply(deliveryOf(young, { epoch: 11 }), never)
      await assert.rejects(target.apply(deliveryOf(old, { epoch: 10 }), never), {
        name: 'ReplicationError',
        code: 'conflict',
      })
      assert.deepEqual(await held(), treeOf({ '/a': 'young' }))
      await target.apply(deliveryOf(old, { epoch: 10, lane: 'test/another/default' }), never)
      assert.deepEqual(await held(), treeOf({ '/a': 'old' }))
    })
  })

  suite(`${rig.kind.name}, refusing`, () => {
    test('a package that is damaged changes nothing, wherever the damage is', async (t) => {
      const { target, apply, held } = await benchOf(rig, t)
      const before = { '/a': 'before', '/b/c': 'before', '/gone': 'before' }
      const after = { '/a': 'after', '/b/c': 'after', '/large': randomBytes(1_500_000), '/z': 'after'.repeat(1000) }
      await apply(puts(before))
      const pkg = await pack(t, puts(after))
      const bytes = await readFile(pkg.file)
      let refused = 0
      for (let i = 0; i < 24; i++) {
        // Some near each end, where the small things are, the others spread over the large one.
        const at =
          i < 8 ? 200 + i * 97 : i < 16 ? bytes.length - 200 - i * 97 : Math.floor((bytes.length * (i - 15)) / 9)
        const damaged = Buffer.from(bytes)
        damaged.writeUInt8(damaged.readUInt8(at) ^ 0x55, at)
        await writeFile(pkg.file, damaged)
        await target.apply(deliveryOf(pkg), never).then(
          // What the reader need not look at may be anything.
          () => apply(puts(before)).then(() => apply([deletes('/large'), deletes('/z')])),
          () => refused++,
        )
        assert.deepEqual(await held(), treeOf({ ...before, '/b': null }), `damaged at ${at}`)
      }
      t.diagnostic(`${refused} of 24 were refused`)
      assert.ok(refused >= 8)
    })

    test('a package that is another one than the delivery says changes nothing', async (t) => {
      const { target, held } = await benchOf(rig, t)
      const [one, two] = [await pack(t, puts({ '/a': 'one' })), await pack(t, puts({ '/a': 'two' }))]
      await assert.rejects(target.apply(deliveryOf({ id: one.id, file: two.file }), never), { code: 'corrupt' })
      await target.apply(deliveryOf(one), never)
      assert.deepEqual(await held(), treeOf({ '/a': 'one' }))
    })

    test('when it is aborted each resource is as it was or as it shall be, and trying again ends well', async (t) => {
      const { target, apply, held } = await benchOf(rig, t)
      const tree = (text: string): Tree =>
        Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`/folder/${i}`, `${text} ${i}`]))
      await apply(puts(tree('old')))
      const pkg = await pack(t, puts(tree('new')))
      const delivery = deliveryOf(pkg)
      await assert.rejects(target.apply(delivery, AbortSignal.abort(new Error('enough'))), /enough/)
      assert.deepEqual(await held(), treeOf({ ...tree('old'), '/folder': null }))
      for (const ms of [1, 5, 20, 50]) {
        const abort = new AbortController()
        const timer = setTimeout(() => abort.abort(new Error('enough')), ms)
        await target
          .apply(delivery, abort.signal)
          .catch((error: unknown) => assert.ok(isTransient(error), String(error)))
        clearTimeout(timer)
        for (const [path, content] of await held())
          if (path !== '/folder') assert.ok(content === tree('old')[path] || content === tree('new')[path], path)
      }
      await until(() => target.apply(delivery, never).catch(unlessTransient))
      assert.deepEqual(await held(), treeOf({ ...tree('new'), '/folder': null }))
    })
  })

  suite(`${rig.kind.name}, tested`, () => {
    test('a test says that all is well, and changes nothing', async (t) => {
      const { target, apply, held } = await benchOf(rig, t)
      const steps = async (): Promise<boolean[]> => {
        const oks: boolean[] = []
        for await (const { step, ok, detail, durationMs } of target.test(never)) {
          assert.ok(step !== '' && durationMs >= 0, detail)
          oks.push(ok)
        }
        return oks
      }
      assert.ok((await steps()).every((ok) => ok))
      await apply(puts({ '/a': 'a' }))
      assert.ok((await steps()).every((ok) => ok))
      assert.deepEqual(await held(), treeOf({ '/a': 'a' }))
    })
  })
}

/** What was left at the other side of a wire may still be under way there. */
function isTransient(error: unknown): boolean {
  return (error instanceof ReplicationError && error.transient) || /enough/.test(String(error))
}

function unlessTransient(error: unknown): undefined {
  if (!isTransient(error)) throw error
}
