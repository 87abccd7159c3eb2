/** The document is the old one or the new one, whole, whatever happens while it is written. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { startChild } from '../apply-children.ts'
import { deliveryOf, pack, puts, type Tree } from '../deliveries.ts'
import { makeFolder, never } from '../trees.ts'
import { targetAt } from './documents.ts'

/** In memory, where there is such a place: what a killed process leaves is the same there. */
const parent = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

function treeOf(says: string): Tree {
  const item = `{"get": {"description": "${says}", "responses": {}}}`
  const names = Array.from({ length: 250 }, (_, i) => `/${i}`)
  return Object.fromEntries(names.map((name) => [name, `{"components": {}, "item": ${item}}\n`]))
}

const kills = 4

for (const signal of ['SIGKILL', 'SIGSTOP'] as const)
  test(`wherever an apply meets ${signal}, the document is the old or the new one`, { timeout: 240_000 }, async (t) => {
    const path = join(await makeFolder(t, parent), 'api.yaml')
    writeFileSync(path, '# by hand\nopenapi: 3.1.0\npaths: {}\n')
    const target = targetAt(path)
    const packages = await Promise.all(['new', 'last', 'old'].map((says) => pack(t, puts(treeOf(says)))))
    const contents: string[] = []
    for (const pkg of packages) {
      await target.apply(deliveryOf(pkg), never)
      contents.push(readFileSync(path, 'utf8'))
    }
    const [young = '', newest = '', old = ''] = contents
    const [after, last, before] = packages
    assert.ok(after !== undefined && last !== undefined && before !== undefined)
    let [epoch, wholeMs, stopped] = [1, 0, 0]
    for (let i = 0; i <= kills; i++) {
      await target.apply(deliveryOf(before, { epoch: ++epoch }), never)
      const delivery = deliveryOf(after, { epoch: ++epoch })
      const child = startChild({ do: 'apply', kind: 'openapi', path, delivery })
      await child.begun
      const from = performance.now()
      if (i === 0) {
        // The first is left alone, to know how long it takes.
        assert.equal((await child.outcome)?.error, undefined)
        wholeMs = performance.now() - from
        continue
      }
      await setTimeout((wholeMs * (i - 1)) / kills)
      child.process.kill(signal)
      const found = readFileSync(path, 'utf8')
      assert.ok(found === old || found === young, `${found.length} characters`)
      await target.apply(deliveryOf(last, { epoch: ++epoch }), never)
      child.process.kill('SIGCONT')
      const outcome = await child.outcome
      if (outcome?.result === undefined) stopped++
      if (signal === 'SIGSTOP' && outcome?.result === undefined) assert.equal(outcome?.error?.code, 'conflict')
      assert.equal(readFileSync(path, 'utf8'), newest)
      assert.deepEqual(readdirSync(dirname(path)).toSorted(), ['.trebuchet-api.yaml', 'api.yaml'])
    }
    assert.ok(stopped > 0)
    assert.ok(newest.startsWith('# by hand\n'))
  })

test('a delivery that comes again is answered by its receipt, and an older worker is refused', async (t) => {
  const path = join(await makeFolder(t), 'api.yaml')
  const target = targetAt(path)
  const delivery = deliveryOf(await pack(t, puts(treeOf('new'))), { epoch: 2 })
  const receipt = await target.apply(delivery, never)
  writeFileSync(path, 'openapi: 3.0.0\n')
  assert.deepEqual(await target.apply(delivery, never), receipt)
  assert.equal(readFileSync(path, 'utf8'), 'openapi: 3.0.0\n')
  await assert.rejects(target.apply({ ...delivery, id: 'other', epoch: 1 }, never), { code: 'conflict' })
})
