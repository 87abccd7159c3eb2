import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PackageId } from '../../src/packages/manifest.ts'
import { RecentPackages } from '../../src/packages/recent.ts'

const id = fc.nat(9).map((n) => `sha256-${n}` as PackageId)
const step = fc.oneof(
  fc.record({ do: fc.constant('add' as const), id, size: fc.nat(60) }),
  fc.record({ do: fc.constantFrom('get' as const, 'drop' as const), id }),
)

test('of what was added, whatever was used last is at hand, as far as there is room', () => {
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const recent = new RecentPackages(100)
      /** The one that was used last stands last. */
      let model: { id: PackageId; bytes: Buffer }[] = []
      for (const one of steps) {
        const known = model.find(({ id }) => id === one.id)
        if (one.do === 'get') assert.equal(recent.get(one.id, 'mark')?.bytes, known?.bytes)
        else if (one.do === 'drop') recent.drop(one.id)
        model = model.filter((other) => other !== known)
        if (one.do === 'get' && known !== undefined) model.push(known)
        if (one.do !== 'add') continue
        const bytes = Buffer.alloc(one.size)
        recent.add(one.id, { bytes }, 'mark')
        model.push({ id: one.id, bytes })
        while (model.reduce((sum, { bytes }) => sum + bytes.length, 0) > 100) model.shift()
      }
    }),
  )
})

test('what was read of another file is not at hand', () => {
  const recent = new RecentPackages(100)
  const one = 'sha256-1' as PackageId
  recent.add(one, { bytes: Buffer.alloc(10) }, 'before')
  assert.equal(recent.get(one, 'behind'), undefined)
  recent.add(one, { bytes: Buffer.alloc(20) }, 'behind')
  assert.equal(recent.get(one, 'behind')?.bytes.length, 20)
})
