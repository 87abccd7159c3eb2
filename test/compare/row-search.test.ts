import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { RowFiles } from '../../src/compare/row-files.ts'

test('a row is found in a file of sorted rows, wherever it is and however long its line, and no other one is', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'rows.'))
  t.after(() => rm(folder, { recursive: true }))
  const files = await RowFiles.open(folder)
  for (const count of [0, 1, 2, 3000]) {
    // Some lines are far longer than what is read at a time.
    const rows = Array.from({ length: count }, (_, i) => ({
      key: i * 2,
      text: 'x'.repeat(i % 500 === 7 ? 200_000 : i % 90),
    }))
    const held = await files.hold(await files.write(rows))
    const find = (key: number): Promise<{ key: number } | undefined> =>
      held.find<{ key: number }>((row) => row.key - key)
    for (let i = 0; i < count; i += count > 100 ? 37 : 1) assert.deepEqual(await find(i * 2), rows[i])
    for (const key of [-1, 1, 1001, count * 2 + 1]) assert.equal(await find(key), undefined)
    for (const i of [7, 507, count - 1].filter((one) => one >= 0 && one < count))
      assert.deepEqual(await find(i * 2), rows[i])
    await held.close()
  }
})
