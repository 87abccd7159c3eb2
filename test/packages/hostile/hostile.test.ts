/**
 * Each file in corrupt/, invalid/ and too-large/ makes one hostile package: a correct one (draft.ts) with one thing wrong. The
 * folder is the error's code, the file's name says what is wrong.
 */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import { defaultLimits, type PackageLimits } from '../../../src/packages/limits.ts'
import { readPackage } from '../../../src/packages/read.ts'
import { PackageStore } from '../../../src/packages/store.ts'
import { bytesAccess } from '../../../src/packages/random-access.ts'
import { drain } from '../drain.ts'
import { delta, packageOf } from './draft.ts'

interface Hostile {
  readonly bytes: () => Buffer
  readonly message: RegExp
  readonly limits?: PackageLimits
}

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trebuchet-hostile-'))
})
after(() => rm(folder, { recursive: true, force: true }))

test('the package that all hostile ones are made of is a good one', async () => {
  const pkg = await readPackage(bytesAccess(packageOf()))
  assert.deepEqual(await drain(pkg), ['folder /content', 'put /content/a.txt 6', 'put /content/b.json 16'])
  assert.equal(pkg.origin?.command, 'c')
  await pkg.close()
})

test('the delta that hostile ones are made of is a good one', async () => {
  const pkg = await readPackage(bytesAccess(packageOf(delta)))
  assert.deepEqual(await drain(pkg), ['folder /content', 'held /content/a.txt 6', 'put /content/b.json 16'])
  await pkg.close()
})

for (const code of ['corrupt', 'invalid', 'too-large'])
  for (const file of readdirSync(new URL(`./${code}/`, import.meta.url)).filter((name) => name.endsWith('.js')))
    test(`${file.slice(0, -3).replaceAll('-', ' ')} is ${code}, and nothing of it is kept`, async () => {
      const hostile = (await import(`./${code}/${file}`)) as Hostile
      const limits = hostile.limits ?? defaultLimits
      const bytes = hostile.bytes()
      const store = await PackageStore.open(join(folder, code, file), { limits })
      const refused = { name: 'ReplicationError', code, message: hostile.message }
      await assert.rejects(store.receive(Readable.from([bytes]), new AbortController().signal), refused)
      for await (const kept of store.list()) assert.fail(`${kept.id} was kept`)
      assert.deepEqual(await readdir(join(folder, code, file, 'temporary')), [])
    })
