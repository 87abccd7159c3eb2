/**
 * The tables of the CentraSite page on resynchronising virtual services, on plain rows: which box is ticked, what a box does, the
 * four scenarios, and all eight selections of the combination table. A* is A as the source has it, when it differs.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { classOf, selectedByDefault, type Base, type RowState } from '../../src/compare/classes.ts'
import { chooser, selectionSchema, type Row, type Selection } from '../../src/compare/selection.ts'
import { parsePath } from '../../src/resources/path.ts'
import { checkerOf } from '../../src/resources/schema.ts'

type Side = Readonly<Record<string, string>>

const stateOf = (source: string | undefined, target: string | undefined): RowState =>
  source === undefined ? 'deleted' : target === undefined ? 'added' : 'existing'

/** As the page does, when `base` is absent; with what was common, as the three-way table does. */
function compared(source: Side, target: Side, base?: Side): Row[] {
  return [...new Set([...Object.keys(source), ...Object.keys(target), ...Object.keys(base ?? {})])].flatMap((name) => {
    const [one, other, old] = [source[name], target[name], base?.[name]]
    if (one === undefined && other === undefined) return []
    const known: Base =
      base === undefined ? { known: false } : { known: true, ...(old !== undefined && { digest: old }) }
    const [state, cls] = [stateOf(one, other), classOf(known, one, other)]
    const row = { state, class: cls, changed: one !== other, selected: selectedByDefault(state, cls) }
    return [{ path: parsePath(`/${name}`), ...row }]
  })
}

function given(selection: Partial<Selection>): Selection {
  const whole = structuredClone(selection)
  assert.deepEqual(checkerOf(selectionSchema)(whole), [])
  return whole as Selection
}

/** The target after the selection has been applied. */
function after(rows: readonly Row[], source: Side, target: Side, selection: Partial<Selection>): Side {
  const { decide, unknown } = chooser(given(selection))
  const result = new Map(Object.entries(target))
  for (const row of rows) {
    const decision = decide(row)
    assert.ok(!('fault' in decision), JSON.stringify(decision))
    const name = row.path.slice(1)
    if (decision.write === 'source') result.set(name, source[name] ?? '')
    if (decision.write === 'delete') result.delete(name)
    assert.notEqual(decision.write, 'parts')
  }
  assert.deepEqual(unknown(), [])
  return Object.fromEntries(result)
}

const bases: readonly [string, Side | undefined][] = [
  ['', undefined],
  [', with what was common known', { A: 'A', B: 'B' }],
]

for (const [how, base] of bases) {
  const ticksOf = (source: Side, target: Side): (string | boolean)[][] =>
    compared(source, target, base).map(({ path, state, selected }) => [path, state, selected])

  test(`the source's alone is newly added and not ticked${how}`, () => {
    assert.deepEqual(ticksOf({ C: 'C' }, {}), [['/C', 'added', false]])
  })

  test(`what is on both sides exists already and is ticked, equal or not${how}`, () => {
    assert.deepEqual(ticksOf({ A: 'A', B: 'B*' }, { A: 'A', B: 'B' }), [
      ['/A', 'existing', true],
      ['/B', 'existing', true],
    ])
  })

  test(`the target's alone is a difference and not ticked${how}`, () => {
    assert.deepEqual(ticksOf({}, { A: 'A' }), [['/A', 'deleted', false]])
  })

  const effect = (source: Side, target: Side, selection: Partial<Selection>): Side =>
    after(compared(source, target, base), source, target, selection)

  test(`ticked, what is newly added is created whole, what exists is overwritten, a difference is deleted${how}`, () => {
    assert.deepEqual(effect({ C: 'C' }, {}, { select: ['/C'] }), { C: 'C' })
    assert.deepEqual(effect({ B: 'B*' }, { B: 'B' }, { select: ['/B'] }), { B: 'B*' })
    assert.deepEqual(effect({}, { A: 'A' }, { select: ['/A'], allowDeletes: true }), {})
  })

  test(`not ticked, each stays as it is${how}`, () => {
    assert.deepEqual(effect({ C: 'C' }, {}, { deselect: ['/C'] }), {})
    assert.deepEqual(effect({ B: 'B*' }, { B: 'B' }, { deselect: ['/B'] }), { B: 'B' })
    assert.deepEqual(effect({}, { A: 'A' }, { deselect: ['/A'] }), { A: 'A' })
  })

  const [AB, none] = [{ A: 'A', B: 'B' }, { preset: 'none' } as const]

  test(`scenario Add: ticking C brings it and refreshes what is ticked by default, ticking nothing leaves all${how}`, () => {
    const source = { A: 'A', B: 'B', C: 'C' }
    assert.deepEqual(effect(source, AB, { select: ['/C'] }), source)
    assert.deepEqual(effect(source, AB, none), AB)
  })

  test(`scenario Edit: the ticks as shown bring the change, ticking nothing leaves all${how}`, () => {
    const source = { A: 'A', B: 'B*' }
    assert.deepEqual(effect(source, AB, {}), source)
    assert.deepEqual(effect(source, AB, none), AB)
  })

  test(`scenario Delete: only ticking B deletes it${how}`, () => {
    const source = { A: 'A' }
    assert.deepEqual(effect(source, AB, { select: ['/B'], allowDeletes: true }), { A: 'A' })
    assert.deepEqual(effect(source, AB, {}), AB)
    assert.deepEqual(effect(source, AB, none), AB)
  })

  const source = { B: 'B*', C: 'C' }
  const combined: readonly [string, readonly Partial<Selection>[], Side][] = [
    [
      'complete synchronization',
      [
        { preset: 'complete', allowDeletes: true },
        { select: ['/**'], allowDeletes: true },
      ],
      { B: 'B*', C: 'C' },
    ],
    ['modified resource only', [{}, { preset: 'modified' }, { preset: 'none', select: ['/B'] }], { A: 'A', B: 'B*' }],
    ['added resource only', [{ preset: 'added' }, { select: ['/C'], deselect: ['/B'] }], { A: 'A', B: 'B', C: 'C' }],
    [
      'deleted resource only',
      [
        { preset: 'deleted', allowDeletes: true },
        { select: ['/A'], deselect: ['/B'], allowDeletes: true },
      ],
      { B: 'B' },
    ],
    ['no synchronization', [none, { deselect: ['/**'] }], AB],
    ['modified and added', [{ select: ['/C'] }, { preset: 'added', select: ['/B'] }], { A: 'A', B: 'B*', C: 'C' }],
    [
      'modified and deleted',
      [
        { select: ['/A'], allowDeletes: true },
        { preset: 'deleted', select: ['/B'], allowDeletes: true },
      ],
      { B: 'B*' },
    ],
    ['added and deleted', [{ preset: 'added', select: ['/A'], allowDeletes: true }], { B: 'B', C: 'C' }],
  ]
  for (const [name, selections, expected] of combined)
    test(`combination: ${name}${how}`, () => {
      for (const selection of selections) assert.deepEqual(effect(source, AB, selection), expected)
    })
}
