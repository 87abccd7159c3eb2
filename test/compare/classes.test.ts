import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { classes, classOf, classOfParts, selectedByDefault, type Base, type Class } from '../../src/compare/classes.ts'

const base = (digest: string | undefined): Base => (digest === undefined ? { known: true } : { known: true, digest })

/** The three-way table: what the base had, what the source and the target have; 1, 2 and 3 are contents. */
const rows: readonly [
  name: string,
  base: string | undefined,
  source: string | undefined,
  target: string | undefined,
  Class,
][] = [
  ['the same on both sides is in sync', '1', '1', '1', 'same'],
  ['changed at the source alone is a fast-forward', '1', '2', '1', 'fast-forward'],
  ['changed at the target alone is customised', '1', '1', '2', 'customised'],
  ['changed equally on both sides has converged', '1', '2', '2', 'converged'],
  ['changed differently on both sides is a conflict', '1', '2', '3', 'conflict'],
  ['added at the source is new there', undefined, '1', undefined, 'new-at-source'],
  ['added at the target is there alone', undefined, undefined, '1', 'target-only'],
  ['added differently on both sides is a conflict', undefined, '1', '2', 'conflict'],
  ['added equally on both sides has converged', undefined, '1', '1', 'converged'],
  [
    'deleted at the source, unchanged at the target, is deleted at the source',
    '1',
    undefined,
    '1',
    'deleted-at-source',
  ],
  ['deleted at the source, changed at the target, is a conflict', '1', undefined, '2', 'conflict'],
  ['unchanged at the source, deleted at the target, is removed there', '1', '1', undefined, 'removed-at-target'],
  ['changed at the source, deleted at the target, is a conflict', '1', '2', undefined, 'conflict'],
  ['deleted on both sides has converged', '1', undefined, undefined, 'converged'],
  ['never anywhere is the same', undefined, undefined, undefined, 'same'],
]

for (const [name, old, source, target, cls] of rows)
  test(`three-way: ${name}`, () => {
    assert.equal(classOf(base(old), source, target), cls)
  })

for (const [name, source, target, cls] of [
  ['equal on both sides is the same', '1', '1', 'same'],
  ['different on both sides is unbased', '1', '2', 'unbased'],
  ['on the source alone is unbased', '1', undefined, 'unbased'],
  ['on the target alone is unbased', undefined, '1', 'unbased'],
] as const)
  test(`without a base: ${name}`, () => {
    assert.equal(classOf({ known: false }, source, target), cls)
  })

test('every three states have a class, and what is equal on both sides is never one that asks for anything', () => {
  const state = fc.option(fc.constantFrom('1', '2', '3'), { nil: undefined })
  const bases = fc.oneof(fc.constant<Base>({ known: false }), state.map(base))
  fc.assert(
    fc.property(bases, state, state, (old, source, target) => {
      const cls = classOf(old, source, target)
      assert.ok(classes.includes(cls))
      assert.equal(source === target, cls === 'same' || cls === 'converged')
      assert.notEqual(cls, 'merge')
    }),
  )
})

const ticks: readonly [Class, existing: boolean][] = [
  ['same', true],
  ['converged', true],
  ['fast-forward', true],
  ['customised', false],
  ['merge', true],
  ['conflict', false],
  ['unbased', true],
]

for (const [cls, ticked] of ticks)
  test(`an existing resource that is ${cls} is ${ticked ? '' : 'not '}selected by default`, () => {
    assert.equal(selectedByDefault('existing', cls), ticked)
  })

for (const [state, cls] of [
  ['added', 'new-at-source'],
  ['added', 'removed-at-target'],
  ['added', 'conflict'],
  ['added', 'unbased'],
  ['deleted', 'deleted-at-source'],
  ['deleted', 'target-only'],
  ['deleted', 'conflict'],
  ['deleted', 'unbased'],
] as const)
  test(`a resource that is ${state} and ${cls} is not selected by default`, () => {
    assert.equal(selectedByDefault(state, cls), false)
  })

for (const [parts, cls] of [
  [['fast-forward', 'new-at-source'], 'fast-forward'],
  [['deleted-at-source'], 'fast-forward'],
  [['customised', 'removed-at-target', 'target-only'], 'customised'],
  [['fast-forward', 'customised'], 'merge'],
  [['new-at-source', 'target-only'], 'merge'],
  [['fast-forward', 'customised', 'conflict'], 'conflict'],
  [['unbased'], 'unbased'],
] as const)
  test(`a resource with parts that are ${parts.join(' and ')} is ${cls}`, () => {
    assert.equal(classOfParts(parts.map((one) => ({ class: one }))), cls)
  })
