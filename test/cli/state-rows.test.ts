import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { RowFiles } from '../../src/compare/row-files.ts'
import { onState, stateFolder, trebuchet } from './program.ts'

test('what was in common goes with a back-up, and what of it is missing is said', async (t) => {
  const [from, kept, to, bare] = [stateFolder(t), stateFolder(t), stateFolder(t), stateFolder(t)]
  const rows = await RowFiles.open(join(from, 'packages', 'comparisons'))
  const ids = [await rows.write([{ path: '/a' }]), await rows.write([{ path: '/b' }])]
  await onState(from, (store) =>
    store.commit({
      writes: [
        { put: 'installation', value: '01JTEST' },
        { put: 'base/a/default', value: { pair: 'x', covers: [], rows: ids[0] } },
        { put: 'application/01J', value: { command: '01J', comparison: '01K', plan: ids[1] } },
      ],
    }),
  )
  const file = join(kept, 'state.ndjson')
  const exported = await trebuchet(from, ['state', 'export', file, '--packages', kept])
  assert.equal(exported.code, 0, exported.stderr)
  assert.doesNotMatch(exported.stderr, /warning/)
  const imported = await trebuchet(to, ['state', 'import', file, '--packages', kept])
  assert.equal(imported.code, 0, imported.stderr)
  assert.doesNotMatch(imported.stderr, /warning/)
  const there = await RowFiles.open(join(to, 'packages', 'comparisons'))
  for (const [i, id] of ids.entries()) {
    const found: unknown[] = []
    for await (const { row } of there.read(id)) found.push(row)
    assert.deepEqual(found, [{ path: i === 0 ? '/a' : '/b' }])
  }
  const without = await trebuchet(bare, ['state', 'import', file])
  assert.equal(without.code, 0, without.stderr)
  assert.match(without.stderr, /warning: 2 files of comparisons are not in .*unbased/)
  assert.ok(!existsSync(join(bare, 'packages', 'comparisons', (ids[0] ?? '').slice(0, 2))))
})
