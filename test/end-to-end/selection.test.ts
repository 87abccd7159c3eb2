/** Which resources a command concerns, and what becomes of them at the target. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { scratch, Server } from './server.ts'
import { assertSameTree, plant, textAt, treeOf } from './trees.ts'

const folder = scratch()
const server = await Server.start()
const { client } = server

interface Places {
  readonly source: string
  readonly target: string
}

async function agent(
  name: string,
  files: Readonly<Record<string, string | null>>,
  settings: object = {},
): Promise<Places> {
  const [source, target] = [join(folder, name, 'source'), join(folder, name, 'target')]
  plant(source, files)
  await client.agent({
    name,
    source: { kind: 'directory', path: source },
    targets: [{ name: 'default', kind: 'directory', path: target }],
    ...settings,
  })
  return { source, target }
}

const pages = { 'content/a/x.txt': 'x', 'content/a/b/y.txt': 'y', 'content/c/z.txt': 'z', 'content/top.txt': 'top' }

test('deep false concerns the named resources alone', async () => {
  const { target } = await agent('shallow', pages)
  await client.deliver('shallow', { paths: ['/content', '/content/a', '/content/top.txt'], deep: false })
  assert.deepEqual([...treeOf(target).keys()], ['/content', '/content/a', '/content/top.txt'])
})

test('paths within each other are delivered once', async () => {
  const { source, target } = await agent('nested', pages)
  const command = await client.deliver('nested', { paths: ['/content/a', '/content', '/content/a/b', '/content'] })
  assert.equal(command.agents[0]?.targets[0]?.entries, 8)
  assertSameTree(target, source)
})

test('filters decide by the first that matches, and nothing excluded travels', async () => {
  const filters = [
    { include: '/content/**/keep.txt' },
    { exclude: '/content/**/drafts/**' },
    { exclude: '/content/*.tmp' },
  ]
  const { target } = await agent(
    'filtered',
    {
      ...pages,
      'content/a/drafts/d.txt': 'd',
      'content/a/drafts/keep.txt': 'k',
      'content/x.tmp': 't',
      'content/a/x.tmp': 't',
    },
    { filters },
  )
  await client.deliver('filtered', { paths: ['/content'] })
  const found = [...treeOf(target).keys()]
  for (const path of ['/content/a/x.txt', '/content/a/drafts/keep.txt', '/content/a/x.tmp'])
    assert.ok(found.includes(path), `${path} is missing`)
  for (const path of ['/content/a/drafts/d.txt', '/content/x.tmp'])
    assert.ok(!found.includes(path), `${path} travelled`)
})

test('a deep delete removes a folder whole, a shallow one leaves what it holds', async () => {
  const { target } = await agent('deletes', pages)
  await client.deliver('deletes', { paths: ['/content'] })
  await client.deliver('deletes', { action: 'delete', paths: ['/content/a'], deep: false })
  assert.equal(textAt(target, 'content/a/b/y.txt'), 'y')
  await client.deliver('deletes', { action: 'delete', paths: ['/content/a', '/content/top.txt'] })
  assert.deepEqual([...treeOf(target).keys()], ['/content', '/content/c', '/content/c/z.txt'])
  await client.deliver('deletes', { action: 'delete', paths: ['/content/a'] })
})

test('the whole tree can be deleted and delivered again', async () => {
  const { source, target } = await agent('everything', pages)
  await client.deliver('everything', { paths: ['/'] })
  await client.deliver('everything', { action: 'delete', paths: ['/'] })
  assert.deepEqual(treeOf(target), new Map())
  await client.deliver('everything', { paths: ['/'] })
  assertSameTree(target, source)
})

test('empty folders arrive, and folders change into files and back', async () => {
  const { source, target } = await agent('folders', {
    'content/empty': null,
    'content/deep/er/empty': null,
    'content/x': 'file',
  })
  await client.deliver('folders', { paths: ['/content'] })
  assertSameTree(target, source)
  rmSync(join(source, 'content/x'))
  plant(source, { 'content/x/inside.txt': 'i' })
  rmSync(join(source, 'content/deep'), { recursive: true })
  plant(source, { 'content/deep': 'now a file' })
  await client.deliver('folders', { paths: ['/content'] })
  assertSameTree(target, source)
})

/** One a line, but for those that no line can hold. */
const awkward = [
  ...String.raw`
with space| leading|trailing |per%cent|%20|%2F|100%|co:lon|jcr:content|back\slash|[brackets]|{braces}|(round)|quote'
double"quote|star*|quest?ion|hash#|a&b|a+b|~tilde|_x0041_|_x_|_jcr_content|-rf|--|...|..hidden|a..b|CON|nul|.content.xml
META-INF|jcr_root|.vlt|.dot|__proto__|constructor|ünïcödé|日本語|🎯|ﬀ`
    .slice(1)
    .split(/[|\n]/),
  'pi|pe',
  'ba`ck',
  'new\nline',
  'tab\t',
  '\x01control',
  '\x7f',
  'u\u0308',
  '\u00fc',
  '\u202e rtl',
  '\ufeffbom',
  '\ufffd',
  '\ue000private',
  'x'.repeat(255),
  'ü'.repeat(127),
]

test('every legal name arrives as it is, as a file and as a folder', async () => {
  const files = Object.fromEntries(
    awkward.flatMap((name) => [
      [`content/files/${name}`, name],
      [`content/folders/${name}/${name}`, name],
      [`content/empty/${name}`, null],
    ]),
  )
  const { source, target } = await agent('awkward', files)
  await client.deliver('awkward', { paths: ['/content'] })
  assertSameTree(target, source)
  for (const name of awkward) {
    plant(source, { [`content/files/${name}`]: `again ${name}` })
    rmSync(join(source, 'content/folders', name), { recursive: true })
  }
  await client.deliver('awkward', { paths: awkward.map((name) => `/content/files/${name}`), deep: false })
  await client.deliver('awkward', { action: 'delete', paths: awkward.map((name) => `/content/folders/${name}`) })
  assertSameTree(target, source)
})

test('a very deep tree arrives', async () => {
  const { source, target } = await agent('deep', { [`content/${'d/'.repeat(240)}x.txt`]: 'x' })
  await client.deliver('deep', { paths: ['/content'] })
  assertSameTree(target, source)
})

test('many paths in one command arrive', async () => {
  const names = Array.from({ length: 1000 }, (_, n) => `content/page-${n}.txt`)
  const { source, target } = await agent('many', Object.fromEntries(names.map((name) => [name, name])))
  await client.deliver('many', { paths: names.map((name) => `/${name}`) })
  assertSameTree(target, source)
})
