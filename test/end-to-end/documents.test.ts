/** Documents on their way through a server: from a folder of them to one file, and back. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { scratch, Server } from './server.ts'
import { plant, textAt } from './trees.ts'

const folder = scratch()
const server = await Server.start()
const { client } = server
const simple = { schema: 'simple' }

test('documents go from a folder into a file and back, and come back as they were', async () => {
  const [tree, file, back] = [join(folder, 'tree'), join(folder, 'out/all.yaml'), join(folder, 'back')]
  plant(tree, {
    'README.md': 'no document',
    'bar/1.json': '{"id": "1", "n": 12345678901234567890.0, "type": "bar", "when": "2020-01-01"}',
    'foo/1.yaml': '# by hand\nsays: no\nid: 1\ntype: foo\n',
    'foo/2.yml': '- {id: 2, type: foo}\n- {id: 3, type: foo}\n',
  })
  const guard = { deletes: { maxPercent: 100, maxCount: 100 } }
  await client.agent({
    ...{ name: 'out', source: { kind: 'directory', path: tree, view: 'resources', ...simple }, ...guard },
    targets: [{ name: 'default', kind: 'file', path: file, schema: { id: '/id', type: '/type' } }],
  })
  await client.agent({
    ...{ name: 'back', source: { kind: 'file', path: file, ...simple }, ...guard },
    targets: [{ name: 'default', kind: 'directory', path: back, view: 'resources', format: 'json', ...simple }],
  })
  const deliver = async (): Promise<void> => {
    for (const agent of ['out', 'back']) await client.deliver(agent, { paths: ['/'], mode: 'mirror' })
  }
  await deliver()
  const [one, two] = ["---\nid: 1\nsays: 'no'\ntype: foo\n", '---\nid: 2\ntype: foo\n---\nid: 3\ntype: foo\n']
  const bar = "---\nid: '1'\n'n': 12345678901234567890.0\ntype: bar\nwhen: '2020-01-01'\n"
  assert.equal(textAt(folder, 'out/all.yaml'), `${bar}${one}${two}`)
  assert.equal(textAt(back, 'bar/1.json'), textAt(tree, 'bar/1.json') + '\n')
  rmSync(join(tree, 'foo/2.yml'))
  await deliver()
  assert.equal(textAt(folder, 'out/all.yaml'), `${bar}${one}`)
  assert.equal(textAt(back, 'foo/2.json'), undefined)
  assert.equal(textAt(back, 'foo/1.json'), '{"id": 1, "says": "no", "type": "foo"}\n')
})
