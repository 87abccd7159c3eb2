import assert from 'node:assert/strict'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { directoryWatcher } from '../../src/endpoints/directory/watch.ts'
import type { Seen } from '../../src/endpoints/endpoint.ts'
import { parsePath } from '../../src/resources/path.ts'
import { makeFolder, never } from './trees.ts'

interface Watched {
  readonly root: string
  /** Everything heard so far, the newest of each path. */
  readonly heard: Map<string, Seen>
  write(...files: string[]): void
  /** Waits until what was heard of the paths is so. */
  hears(expected: Readonly<Record<string, Omit<Seen, 'path'>>>): Promise<void>
}

async function watched(t: TestContext, ...files: string[]): Promise<Watched> {
  const root = join(await makeFolder(t), 'root')
  const write = (...names: string[]): void => {
    for (const name of names) {
      mkdirSync(dirname(join(root, name)), { recursive: true })
      writeFileSync(join(root, name), name)
    }
  }
  write(...files)
  const heard = new Map<string, Seen>()
  const end = new AbortController()
  let watching: Promise<void> | undefined
  await new Promise<void>((ready, fail) => {
    watching = directoryWatcher(root).watch((seen) => void heard.set(seen.path, seen), ready, end.signal)
    watching.catch(fail)
  })
  t.after(async () => {
    end.abort()
    await watching
  })
  return {
    ...{ root, heard, write },
    hears: async (expected) => {
      const found = (): unknown =>
        Object.fromEntries(Object.keys(expected).map((path) => [path, rest(heard.get(path))]))
      for (const limit = Date.now() + 20_000; Date.now() < limit; await pause(20))
        if (JSON.stringify(found()) === JSON.stringify(expected)) return
      assert.deepEqual(found(), expected)
    },
  }
}

function rest(seen: Seen | undefined): Omit<Seen, 'path'> | undefined {
  if (seen === undefined) return undefined
  const { path: _, ...more } = seen
  return more
}

test('what is written, changed, removed and renamed is told by its path', async (t) => {
  const { root, write, hears, heard } = await watched(t, 'a/one', 'a/two', 'b/deep/three', 'still')
  write('a/one', 'a/new', 'top')
  rmSync(join(root, 'a/two'))
  renameSync(join(root, 'b/deep/three'), join(root, 'b/four'))
  await hears({
    ...{ '/a/one': {}, '/a/new': {}, '/top': {}, '/b/four': {} },
    ...{ '/a/two': { gone: true }, '/b/deep/three': { gone: true } },
  })
  assert.equal(heard.get('/still'), undefined)
})

test('a folder that is new is told as such, and what comes into it later too', async (t) => {
  const { write, hears } = await watched(t, 'a/one')
  write('a/new/deep/two')
  await hears({ '/a/new': { fresh: true } })
  write('a/new/deep/three')
  await hears({ '/a/new/deep/three': {} })
})

test('files that come into new folders at once are told, or their folder is after them', async (t) => {
  const { write, heard, root } = await watched(t, 'start')
  const names = Array.from({ length: 60 }, (_, i) => `d${i}/e${i}/f${i}/file`)
  for (const name of names) {
    write(name)
    await pause(1)
  }
  write('last')
  for (const limit = Date.now() + 20_000; heard.get('/last') === undefined && Date.now() < limit;) await pause(20)
  for (let i = 0; i < 60; i++) assert.ok(heard.get(`/d${i}`), `d${i} was heard of`)
  rmSync(join(root, 'd7/e7/f7/file'))
  for (const limit = Date.now() + 20_000; heard.get('/d7/e7/f7/file')?.gone !== true; await pause(20))
    assert.ok(Date.now() < limit, 'it watches what came')
})

test('what was in a folder that is renamed, replaced or made anew is told', async (t) => {
  const { root, write, hears } = await watched(t, 'a/one', 'a/deep/two', 'b/one', 'c/one', 'c/two', 'new/two')
  renameSync(join(root, 'a'), join(root, 'moved'))
  renameSync(join(root, 'b'), join(root, '../b'))
  rmSync(join(root, 'c'), { recursive: true })
  write('c/two')
  await hears({
    ...{ '/a': { gone: true }, '/a/one': { gone: true }, '/a/deep/two': { gone: true }, '/moved': { fresh: true } },
    ...{ '/b': { gone: true }, '/b/one': { gone: true }, '/c/one': { gone: true } },
  })
  write('moved/three', 'c/three')
  await hears({ '/moved/three': {}, '/c/three': {} })
})

test('a folder that becomes a file, and a file that becomes a folder or a link, are told', async (t) => {
  const { root, write, hears } = await watched(t, 'a/one', 'b', 'c')
  rmSync(join(root, 'a'), { recursive: true })
  rmSync(join(root, 'b'))
  rmSync(join(root, 'c'))
  write('a', 'b/one')
  symlinkSync('a', join(root, 'c'))
  await hears({ '/a': {}, '/a/one': { gone: true }, '/c': { gone: true } })
  write('b/two')
  await hears({ '/b/two': {} })
})

test('a folder that is missing at first is told when it comes', async (t) => {
  const { write, hears, heard } = await watched(t)
  await pause(50)
  assert.equal(heard.size, 0)
  write('a/one')
  await hears({ '/': { fresh: true } })
  write('a/two')
  await hears({ '/a/two': {} })
})

test('the watched folder that goes away is no deletion; when it is back, what is missing in it is told', async (t) => {
  const { root, write, hears, heard } = await watched(t, 'a/one', 'b/two', 'three')
  renameSync(root, `${root}.old`)
  await pause(1500)
  assert.deepEqual(
    [...heard.values()].filter(({ gone }) => gone),
    [],
  )
  await assert.rejects(directoryWatcher(root).look([parsePath('/a')], never), { code: 'unavailable' })
  write('a/one', 'b/four')
  await hears({ '/': { fresh: true }, '/b/two': { gone: true }, '/three': { gone: true } })
  assert.equal(heard.get('/a/one')?.gone, undefined)
  write('b/five')
  await hears({ '/b/five': {} })
})

test('a watched folder that is swapped for another at once is told as well', async (t) => {
  const { root, write, hears } = await watched(t, 'a/one', 'a/two')
  mkdirSync(join(root, '../next/a'), { recursive: true })
  writeFileSync(join(root, '../next/a/one'), 'new')
  renameSync(root, `${root}.old`)
  renameSync(join(root, '../next'), root)
  await hears({ '/': { fresh: true }, '/a/two': { gone: true } })
  write('a/three')
  await hears({ '/a/three': {} })
})

test('of a storm of changes nothing is lost', async (t) => {
  const { root, write, heard } = await watched(t, 'start')
  const files = Array.from({ length: 6000 }, (_, i) => `f${i % 30}/${i}`)
  write(...files)
  for (let i = 0; i < 6000; i += 2) rmSync(join(root, files[i] ?? ''))
  write('last')
  for (const limit = Date.now() + 30_000; heard.get('/last') === undefined && Date.now() < limit;) await pause(20)
  const lost = files.filter((file, i) => {
    const folder = heard.get(`/${dirname(file)}`)
    const told = heard.get(`/${file}`)
    return i % 2 === 0 ? told !== undefined && told.gone !== true : told === undefined && folder === undefined
  })
  assert.deepEqual(lost, [])
})

test('what no resource can be is not looked at, and the server’s own folder is not told', async (t) => {
  const { root, write, hears, heard } = await watched(t, '.trebuchet/own/x')
  write('.trebuchet/own/y', '.trebuchet/z')
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x66, 0xff])]), 'x')
  write('last')
  await hears({ '/last': {} })
  assert.deepEqual([...heard.keys()], ['/last'])
})

test('a look says what is there: content, a folder, or nothing that could be a resource', async (t) => {
  const { root } = await watched(t, 'a/one')
  symlinkSync('a', join(root, 'link'))
  const paths = ['/', '/a', '/a/one', '/a/one/two', '/b', '/link'].map(parsePath)
  assert.deepEqual(await directoryWatcher(root).look(paths, never), [
    ...['folder', 'folder', 'content', 'nothing', 'nothing', 'nothing'],
  ])
})
