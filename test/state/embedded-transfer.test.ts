import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { openEmbedded } from '../../src/state/embedded.ts'
import {
  abandonMachineImport,
  mustNotBeImporting,
  openMachineInlet,
  openMachineOutlet,
  stateFolder,
} from '../../src/state/embedded-transfer.ts'
import { lockFolder } from '../../src/state/lock.ts'

async function givenFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'moving.'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function write(dataDir: string, value: string): Promise<void> {
  const store = await openEmbedded(stateFolder(dataDir))
  await store.commit({ writes: [{ put: 'installation', value }] })
  await store.close()
}

async function read(dataDir: string): Promise<unknown> {
  const store = await openEmbedded(stateFolder(dataDir))
  const found = await store.get('installation')
  await store.close()
  return found?.value
}

async function importInto(dataDir: string, value: string, replace: boolean, takes = true): Promise<void> {
  const inlet = await openMachineInlet(dataDir, { replace })
  await inlet.store.commit({ writes: [{ put: 'installation', value }] })
  if (takes) await inlet.takePlace()
  await inlet.close()
}

async function leftIn(dataDir: string): Promise<string[]> {
  return (await readdir(dataDir)).filter((name) => name !== 'lock').toSorted()
}

test('a new state takes the place of none, of an empty one, and when asked to of one that is there', async (t) => {
  const dataDir = join(await givenFolder(t), 'new')
  await importInto(dataDir, 'first', false)
  assert.equal(await read(dataDir), 'first')
  await assert.rejects(importInto(dataDir, 'second', false), { code: 'conflict', message: /--replace/ })
  assert.equal(await read(dataDir), 'first')
  await importInto(dataDir, 'second', true)
  assert.equal(await read(dataDir), 'second')
  assert.deepEqual(await leftIn(dataDir), ['state'])

  const empty = await givenFolder(t)
  await (await openEmbedded(stateFolder(empty))).close()
  await importInto(empty, 'first', false)
  assert.equal(await read(empty), 'first')
})

test('an import that does not come to its end changes nothing', async (t) => {
  const dataDir = await givenFolder(t)
  await write(dataDir, 'old')
  await importInto(dataDir, 'new', true, false)
  assert.equal(await read(dataDir), 'old')
  assert.deepEqual(await leftIn(dataDir), ['state'])
})

/** What is in the folder when the process is killed after so many steps, and which state counts then. */
const steps = [
  { name: 'before the old state moves', happened: async () => undefined, counts: 'old', broken: true },
  {
    name: 'between the two moves',
    happened: async (dataDir: string) => rename(stateFolder(dataDir), join(dataDir, 'state.replaced')),
    ...{ counts: 'old', broken: true },
  },
  {
    name: 'before the old state is removed',
    happened: async (dataDir: string) => {
      await rename(stateFolder(dataDir), join(dataDir, 'state.replaced'))
      await rename(join(dataDir, 'state.importing'), stateFolder(dataDir))
    },
    ...{ counts: 'new', broken: false },
  },
]

for (const { name, happened, counts, broken } of steps) {
  const given = async (t: TestContext): Promise<string> => {
    const dataDir = await givenFolder(t)
    await write(dataDir, 'new')
    await rename(stateFolder(dataDir), join(dataDir, 'state.importing'))
    await write(dataDir, 'old')
    await happened(dataDir)
    return dataDir
  }

  test(`of an import that was killed ${name}, ${broken ? 'no server starts, and one can go back' : 'servers see the new state'}`, async (t) => {
    const dataDir = await given(t)
    if (broken) {
      await assert.rejects(mustNotBeImporting(dataDir), { code: 'conflict', message: /--abandon/ })
      await assert.rejects(openMachineOutlet(dataDir), { code: 'conflict' })
    } else await mustNotBeImporting(dataDir)
    assert.equal(await abandonMachineImport(dataDir), broken)
    await mustNotBeImporting(dataDir)
    assert.equal(await read(dataDir), counts)
    assert.deepEqual(await leftIn(dataDir), ['state'])
  })

  test(`of an import that was killed ${name}, it can be repeated`, async (t) => {
    const dataDir = await given(t)
    await assert.rejects(importInto(dataDir, 'newest', false), { code: 'conflict', message: /--replace/ })
    await importInto(dataDir, 'newest', true)
    assert.equal(await read(dataDir), 'newest')
    assert.deepEqual(await leftIn(dataDir), ['state'])
  })
}

test('whoever has the folder keeps imports and exports out', async (t) => {
  const dataDir = await givenFolder(t)
  await write(dataDir, 'old')
  const lock = await lockFolder(dataDir)
  const refused = { code: 'conflict' }
  await assert.rejects(openMachineOutlet(dataDir), refused)
  await assert.rejects(importInto(dataDir, 'new', true), refused)
  await assert.rejects(abandonMachineImport(dataDir), refused)
  await lock.release()
  assert.equal(await read(dataDir), 'old')
})

test('a folder without a state is not exported, and none is made', async (t) => {
  const folder = await givenFolder(t)
  await assert.rejects(openMachineOutlet(join(folder, 'none')), { code: 'missing' })
  assert.equal(existsSync(join(folder, 'none')), false)
  await assert.rejects(openMachineOutlet(folder), { code: 'missing' })
  assert.deepEqual(await leftIn(folder), [])
})
