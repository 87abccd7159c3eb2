import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { EndpointKind } from '../../src/endpoints/endpoint.ts'
import { memory } from '../../src/endpoints/memory.ts'
import { forgetMemoryTree, memoryTree } from '../../src/endpoints/memory/tree.ts'
import { parsePath } from '../../src/resources/path.ts'
import { conforms } from './conformance.ts'
import { readAll } from './trees.ts'

const context = { installation: 'test' }

conforms({
  kind: memory as EndpointKind,
  make: async (t) => {
    const name = randomUUID()
    t.after(() => forgetMemoryTree(name))
    return { options: { name } }
  },
})

test('endpoints that name the same tree share it, and it can be seen and forgotten', async () => {
  const name = randomUUID()
  memoryTree(name).put(parsePath('/a/b'), Buffer.from('b'))
  const source = memory.source?.({ name }, context)
  assert.ok(source !== undefined)
  assert.equal((await readAll(source)).length, 3)
  assert.equal(memoryTree(name).get(parsePath('/a')), 'folder')
  assert.equal(String(memoryTree(name).get(parsePath('/a/b'))), 'b')
  forgetMemoryTree(name)
  await assert.rejects(readAll(source), { code: 'missing' })
})

test('a tree is its own place', async () => {
  assert.deepEqual(await memory.place({ name: 'a/b' }), ['memory', 'a/b'])
})
