/** A file is the old one or the new one, whole, whatever happens while it is written. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import type { Target } from '../../src/endpoints/endpoint.ts'
import { file } from '../../src/endpoints/file.ts'
import { startChild } from './apply-children.ts'
import { docs } from './conformance/document-trees.ts'
import { deliveryOf, pack, puts, type Tree } from './deliveries.ts'
import { makeFolder, never } from './trees.ts'

const options = { schema: 'simple' } as const
/** In memory, where there is such a place: what a killed process leaves is the same there. */
const parent = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

function targetAt(path: string): Target {
  return file.target?.({ path, ...options }, { installation: 'test' }) ?? assert.fail()
}

function treeOf(says: string): Tree {
  return docs(Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`foo/${i}`, `"${says} ${i}"`])))
}

const kills = 4

for (const signal of ['SIGKILL', 'SIGSTOP'] as const)
  test(
    `wherever an apply meets ${signal}, the file is the old one or the new one, and the next apply ends well`,
    { timeout: 240_000 },
    async (t) => {
      const path = join(await makeFolder(t, parent), 'all.yaml')
      const [before, after, last] = [
        await pack(t, puts(treeOf('old')), { mode: 'mirror' }),
        await pack(t, puts(treeOf('new')), { mode: 'mirror' }),
        await pack(t, puts(treeOf('last')), { mode: 'mirror' }),
      ]
      const target = targetAt(path)
      const contents: string[] = []
      for (const pkg of [after, last, before]) {
        await target.apply(deliveryOf(pkg), never)
        contents.push(readFileSync(path, 'utf8'))
      }
      const [young = '', newest = '', old = ''] = contents
      let epoch = 1
      let wholeMs = 0
      let [stopped, ended] = [0, 0]
      for (let i = 0; i <= kills; i++) {
        await target.apply(deliveryOf(before, { epoch: ++epoch }), never)
        const delivery = deliveryOf(after, { epoch: ++epoch })
        const child = startChild({ do: 'apply', kind: 'file', options, path, delivery })
        await child.begun
        const from = performance.now()
        if (i > 0) {
          await setTimeout((wholeMs * (i - 1)) / kills)
          child.process.kill(signal)
        } else {
          assert.deepEqual((await child.outcome)?.error, undefined)
          wholeMs = performance.now() - from
          continue
        }
        const found = readFileSync(path, 'utf8')
        assert.ok(found === old || found === young, `${found.length} characters`)
        await target.apply(deliveryOf(last, { epoch: ++epoch }), never)
        child.process.kill('SIGCONT')
        const outcome = await child.outcome
        if (outcome?.result === undefined) stopped++
        else ended++
        if (signal === 'SIGSTOP' && outcome?.result === undefined) assert.equal(outcome?.error?.code, 'conflict')
        assert.equal(readFileSync(path, 'utf8'), newest)
        assert.deepEqual(readdirSync(join(path, '..')).toSorted(), ['.trebuchet-all.yaml', 'all.yaml'])
      }
      t.diagnostic(`${stopped} were stopped before their end, ${ended} after it`)
      assert.ok(stopped > 0)
    },
  )

test('a full disk leaves the file as it was, and once there is room the delivery is applied', async (t) => {
  const folder = await makeFolder(t)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return t.skip('nothing may be mounted here')
  }
  try {
    const path = join(folder, 'all.ndjson')
    const target = targetAt(path)
    await target.apply(deliveryOf(await pack(t, puts(docs({ 'foo/1': '1' })))), never)
    const before = readFileSync(path, 'utf8')
    const large = docs({ 'foo/1': '2', 'foo/2': `"${'x'.repeat(1_200_000)}"` })
    const delivery = deliveryOf(await pack(t, puts(large)))
    await assert.rejects(target.apply(delivery, never), { code: 'unavailable', message: /the disk is full/ })
    assert.equal(readFileSync(path, 'utf8'), before)
    execFileSync('mount', ['-o', 'remount,size=8m', folder])
    await target.apply(delivery, never)
    assert.ok(statSync(path).size > 1_200_000)
  } finally {
    execFileSync('umount', [folder])
  }
})

test('what may not be read or written is refused for good, and nothing is left', async (t) => {
  const folder = await makeFolder(t)
  chmodSync(folder, 0o755)
  const pkg = await pack(t, puts(docs({ 'foo/1': '1' })))
  chmodSync(join(pkg.file, '..'), 0o755)
  chmodSync(pkg.file, 0o644)
  const [secret, closed] = [join(folder, 'secret.yaml'), join(folder, 'closed')]
  writeFileSync(secret, 'a: b\n', { mode: 0o200 })
  mkdirSync(closed, { mode: 0o555 })
  const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}
  for (const [path, act] of [
    [secret, 'read'],
    [join(closed, 'all.yaml'), 'apply'],
  ] as const) {
    const child = startChild({ do: act, kind: 'file', options, path, delivery: deliveryOf(pkg) }, nobody)
    const begun = await child.begun.then(
      () => true,
      () => false,
    )
    if (!begun) return t.skip('another user may not run what is tested')
    const outcome = await child.outcome
    assert.deepEqual([outcome?.error?.code, outcome?.error?.transient], ['rejected', false], outcome?.error?.message)
    assert.ok(!outcome?.error?.message.includes(folder))
  }
  assert.deepEqual(readdirSync(closed), [])
})
