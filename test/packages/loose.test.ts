import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { writeLoose } from '../../src/packages/loose.ts'
import type { ManifestHeader } from '../../src/packages/manifest.ts'
import { openPackage } from '../../src/packages/read.ts'
import { rootPath, type ResourcePath } from '../../src/resources/path.ts'
import type { Resource } from '../../src/resources/resource.ts'

const header: ManifestHeader = { format: 1, action: 'add', mode: 'update', roots: [rootPath] }
const { signal } = new AbortController()

for (const { form, count, contentBytes, isFile } of [
  { form: 'a small package, which stays in memory,', count: 700, contentBytes: 300, isFile: false },
  { form: 'a large package, which goes to a file,', count: 3000, contentBytes: 5000, isFile: true },
])
  test(`${form} is read as it was laid down, more than once`, async (t) => {
    const file = join(await folder(t), 'resources')
    const laid = await writeLoose(header, resources(count, contentBytes), { file, signal })
    assert.equal(existsSync(file), isFile)
    assert.equal(laid.summary.entries, count + 2)
    assert.equal(laid.summary.bytes, count * contentBytes)
    const pkg = await openPackage(laid.file)
    try {
      for (let time = 0; time < 2; time++) {
        let n = -2
        for await (const change of pkg.changes())
          if (change.kind === 'put') {
            assert.equal(change.entry.path, pathOf(n))
            assert.deepEqual(change.content, contentOf(n++, contentBytes))
          } else n++
        assert.equal(n, count)
      }
      assert.deepEqual(await pkg.verify(), { bytes: count * contentBytes })
      assert.equal(pkg.entryCount, count + 2)
      const listed = (await allOf(pkg.manifest())).flat()
      assert.deepEqual(
        listed.map(({ path }) => path),
        (await allOf(resources(count, contentBytes))).map(({ path }) => path),
      )
      const page = await pkg.entries({ after: pathOf(5), limit: 2 })
      assert.deepEqual(
        page.map(({ path }) => path),
        [pathOf(6), pathOf(7)],
      )
      const few = await allOf(pkg.changes({ paths: [pathOf(6), pathOf(9)] }))
      assert.deepEqual(
        few.map(({ entry }) => entry.path),
        [pathOf(6), pathOf(9)],
      )
    } finally {
      await pkg.close()
    }
  })

test('a content that comes as a stream is laid down whole', async (t) => {
  const file = join(await folder(t), 'resources')
  async function* one(): AsyncGenerator<Resource> {
    yield { path: pathOf(0), content: () => Readable.from([Buffer.from('one '), Buffer.from('two')]) }
  }
  const pkg = await openPackage((await writeLoose(header, one(), { file, signal })).file)
  const [change] = await allOf(pkg.changes())
  assert.equal(change?.kind === 'put' && change.content.toString(), 'one two')
})

test('a file that was damaged in between is found out before all of it has been read', async (t) => {
  const file = join(await folder(t), 'resources')
  const laid = await writeLoose(header, resources(3000, 5000), { file, signal })
  const bytes = await readFile(file)
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
  await writeFile(file, bytes)
  const pkg = await openPackage(laid.file)
  await assert.rejects(pkg.verify(), { code: 'corrupt' })
  await pkg.close()
  await writeFile(file, bytes.subarray(0, -1))
  const cut = await openPackage(laid.file)
  await assert.rejects(cut.verify(), { code: 'corrupt' })
  await cut.close()
  await rm(file)
  await assert.rejects(openPackage(laid.file), { code: 'missing' })
})

test('resources out of order, and what reading them throws, end it', async (t) => {
  const file = join(await folder(t), 'resources')
  async function* unordered(): AsyncGenerator<Resource> {
    for (const n of [1, 0]) yield { path: pathOf(n), content: () => contentOf(n, 3) }
  }
  async function* broken(): AsyncGenerator<Resource> {
    yield { path: pathOf(0) }
    throw new Error('the source is gone')
  }
  await assert.rejects(writeLoose(header, unordered(), { file, signal }), { code: 'invalid' })
  await assert.rejects(writeLoose(header, broken(), { file, signal }), /the source is gone/)
  await assert.rejects(
    writeLoose(header, resources(10, 3), { file, signal: AbortSignal.abort(new Error('enough')) }),
    /enough/,
  )
})

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'loose-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

/** With the folders above them. */
async function* resources(count: number, contentBytes: number): AsyncGenerator<Resource> {
  yield { path: rootPath }
  yield { path: '/foo' as ResourcePath }
  for (let n = 0; n < count; n++) yield { path: pathOf(n), content: () => contentOf(n, contentBytes) }
}

function pathOf(n: number): ResourcePath {
  return `/foo/${String(n).padStart(6, '0')}` as ResourcePath
}

function contentOf(n: number, bytes: number): Buffer {
  return Buffer.from(String(n).padStart(bytes))
}

async function allOf<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const value of values) all.push(value)
  return all
}
