import assert from 'node:assert/strict'
import { test } from 'node:test'
import { selectedByDefault, type Class, type RowState } from '../../src/compare/classes.ts'
import { chooser, selectionSchema, sourceParts, type Row, type Selection } from '../../src/compare/selection.ts'
import { parsePath } from '../../src/resources/path.ts'
import { checkerOf } from '../../src/resources/schema.ts'

function row(path: string, cls: Class, more: Partial<Row> = {}): Row {
  const state: RowState =
    more.state ??
    (/new|removed/.test(cls) ? 'added' : cls === 'deleted-at-source' || cls === 'target-only' ? 'deleted' : 'existing')
  const changed = cls !== 'same' && cls !== 'converged'
  return { path: parsePath(path), state, changed, class: cls, selected: selectedByDefault(state, cls), ...more }
}

function chosen(selection: Partial<Selection>): ReturnType<typeof chooser> {
  const whole = structuredClone(selection)
  assert.deepEqual(checkerOf(selectionSchema)(whole), [])
  return chooser(whole as Selection)
}

/** In a word: what is written, `rebase`, or where the fault is. */
function outcome(selection: Partial<Selection>, one: Row): string {
  const decision = chosen(selection).decide(one)
  if ('fault' in decision) return decision.fault.pointer
  if (decision.parts !== undefined) return `parts ${[...decision.parts].map((pair) => pair.join('=')).join(' ')}`
  return decision.rebase ? 'rebase' : decision.write
}

const merging = row('/r', 'merge', {
  parts: [
    { part: '/a', class: 'fast-forward' },
    { part: '/b', class: 'customised' },
    { part: '/c', class: 'new-at-source' },
  ],
})
const noResolve = '/resolve/~1r'
const all = { select: ['/**'] }
const deletes = { allowDeletes: true }

/** What each preset does with each class; deletions are allowed. */
const presets: readonly [
  Row,
  Readonly<Record<'defaults' | 'complete' | 'modified' | 'added' | 'deleted', string>>,
  selected: string,
][] = [
  [
    row('/r', 'same'),
    { defaults: 'nothing', complete: 'nothing', modified: 'nothing', added: 'nothing', deleted: 'nothing' },
    'nothing',
  ],
  [
    row('/r', 'converged'),
    { defaults: 'rebase', complete: 'rebase', modified: 'rebase', added: 'nothing', deleted: 'nothing' },
    'rebase',
  ],
  [
    row('/r', 'fast-forward'),
    { defaults: 'source', complete: 'source', modified: 'source', added: 'nothing', deleted: 'nothing' },
    'source',
  ],
  [
    row('/r', 'customised'),
    { defaults: 'nothing', complete: 'source', modified: 'nothing', added: 'nothing', deleted: 'nothing' },
    'source',
  ],
  [
    merging,
    {
      defaults: 'parts /a=source /c=source',
      complete: 'source',
      modified: 'parts /a=source /c=source',
      added: 'nothing',
      deleted: 'nothing',
    },
    'parts /a=source /c=source',
  ],
  [
    row('/r', 'conflict'),
    { defaults: 'nothing', complete: 'source', modified: 'nothing', added: 'nothing', deleted: 'nothing' },
    noResolve,
  ],
  [
    row('/r', 'conflict', { state: 'added' }),
    { defaults: 'nothing', complete: 'source', modified: 'nothing', added: 'nothing', deleted: 'nothing' },
    noResolve,
  ],
  [
    row('/r', 'conflict', { state: 'deleted' }),
    { defaults: 'nothing', complete: 'delete', modified: 'nothing', added: 'nothing', deleted: 'nothing' },
    noResolve,
  ],
  [
    row('/r', 'new-at-source'),
    { defaults: 'nothing', complete: 'source', modified: 'nothing', added: 'source', deleted: 'nothing' },
    'source',
  ],
  [
    row('/r', 'removed-at-target'),
    { defaults: 'nothing', complete: 'source', modified: 'nothing', added: 'nothing', deleted: 'nothing' },
    'source',
  ],
  [
    row('/r', 'deleted-at-source'),
    { defaults: 'nothing', complete: 'delete', modified: 'nothing', added: 'nothing', deleted: 'delete' },
    'delete',
  ],
  [
    row('/r', 'target-only'),
    { defaults: 'nothing', complete: 'delete', modified: 'nothing', added: 'nothing', deleted: 'nothing' },
    'delete',
  ],
  [
    row('/r', 'unbased'),
    { defaults: 'source', complete: 'source', modified: 'source', added: 'nothing', deleted: 'nothing' },
    'source',
  ],
  [
    row('/r', 'unbased', { state: 'added' }),
    { defaults: 'nothing', complete: 'source', modified: 'nothing', added: 'source', deleted: 'nothing' },
    'source',
  ],
  [
    row('/r', 'unbased', { state: 'deleted' }),
    { defaults: 'nothing', complete: 'delete', modified: 'nothing', added: 'nothing', deleted: 'delete' },
    'delete',
  ],
]

for (const [one, outcomes, selected] of presets) {
  test(`what is ${one.state} and ${one.class} becomes what each preset says, and nothing of none`, () => {
    for (const [preset, expected] of Object.entries(outcomes))
      assert.equal(outcome({ preset: preset as Selection['preset'], ...deletes }, one), expected, preset)
    assert.equal(outcome({ preset: 'none' }, one), 'nothing')
  })
  test(`what is ${one.state} and ${one.class}, ticked by hand, ends as: ${selected}`, () => {
    assert.equal(outcome({ preset: 'none', ...all, ...deletes }, one), selected)
    assert.equal(outcome({ ...all, ...deletes, deselect: ['/r'] }, one), 'nothing')
  })
}

test('a deletion needs allowDeletes, however it was selected', () => {
  const gone = row('/r', 'deleted-at-source')
  for (const selection of [
    { preset: 'complete' },
    { preset: 'deleted' },
    all,
    { resolve: { '/r': 'source' } },
  ] as const) {
    assert.equal(outcome(selection as Partial<Selection>, gone), '/allowDeletes')
    assert.equal(outcome({ ...(selection as Partial<Selection>), ...deletes }, gone), 'delete')
  }
})

test('a conflict ends as it is resolved, and resolving it selects it', () => {
  for (const state of ['existing', 'added', 'deleted'] as const) {
    const one = row('/r', 'conflict', { state })
    assert.equal(outcome({ resolve: { '/r': 'target' } }, one), 'rebase')
    assert.equal(outcome({ preset: 'complete', resolve: { '/r': 'target' } }, one), 'rebase')
    assert.equal(outcome({ resolve: { '/r': 'source' }, ...deletes }, one), state === 'deleted' ? 'delete' : 'source')
  }
})

test('overwrite copies what is selected and on both sides whole, whatever its class', () => {
  for (const cls of ['fast-forward', 'customised', 'conflict', 'unbased'] as const)
    assert.equal(outcome({ ...all, overwrite: true }, row('/r', cls)), 'source')
  assert.equal(outcome({ ...all, overwrite: true }, merging), 'source')
  assert.equal(outcome({ overwrite: true }, row('/r', 'customised')), 'nothing')
  assert.equal(outcome({ ...all, overwrite: true }, row('/r', 'same')), 'nothing')
  assert.equal(outcome({ ...all, overwrite: true }, row('/r', 'same', { changed: true })), 'source')
  assert.equal(outcome({ ...all, overwrite: true }, row('/r', 'conflict', { state: 'added' })), noResolve)
})

test('parts select their resource, and nothing of it but them', () => {
  const methods = row('/r', 'conflict', {
    parts: [
      { part: 'GET', class: 'conflict' },
      { part: 'POST', class: 'new-at-source' },
      { part: '/info/title', class: 'customised' },
      { part: '/info/version', class: 'customised' },
    ],
  })
  const naming = (...names: string[]): string => outcome({ preset: 'none', parts: { '/r': names } }, methods)
  assert.equal(naming('POST'), 'parts POST=source')
  assert.equal(naming('post', 'Get'), 'parts POST=source GET=source')
  assert.equal(naming('/info'), 'parts /info/title=source /info/version=source')
  assert.equal(naming('/info/title'), 'parts /info/title=source')
  assert.equal(naming('POST', 'PUT'), '/parts/~1r/1')
  assert.equal(naming('/inf'), '/parts/~1r/0')
  assert.equal(outcome({ parts: { '/r': ['GET'] }, resolve: { '/r': 'source' } }, methods), '/parts/~1r')
  assert.equal(outcome({ parts: { '/r': ['GET'] }, deselect: ['/r'] }, methods), 'nothing')
  assert.equal(outcome({ parts: { '/r': ['GET'] } }, row('/r', 'new-at-source')), '/parts/~1r/0')
})

test('a merge whose parts the row does not list is left to those who know them', () => {
  const decision = chosen({}).decide(row('/r', 'merge'))
  assert.deepEqual(decision, { write: 'parts', rebase: false })
  assert.deepEqual([...sourceParts(merging.parts ?? []).keys()], ['/a', '/c'])
})

test('a method in a whole document is found in any case, its path only as it is', () => {
  const one = row('/r', 'unbased', { parts: [{ part: 'POST /pets/{id}', class: 'unbased' }] })
  assert.equal(outcome({ parts: { '/r': ['post /pets/{id}'] } }, one), 'parts POST /pets/{id}=source')
  assert.equal(outcome({ parts: { '/r': ['post /Pets/{id}'] } }, one), '/parts/~1r/0')
})

test('what names no row is a fault, each by itself', () => {
  const { decide, unknown } = chosen({
    select: ['/a', '/x', '/b/**', '/*', '/y/*'],
    deselect: ['/a', '/z'],
    parts: { '/p': ['GET'] },
    resolve: { '/q/~': 'source', '/a': 'target' },
  })
  for (const path of ['/a', '/b/c']) decide(row(path, 'fast-forward'))
  assert.deepEqual(
    unknown().map(({ pointer }) => pointer),
    ['/select/1', '/select/4', '/deselect/1', '/parts/~1p', '/resolve/~1q~1~0'],
  )
})

for (const [name, selection, pointer] of [
  ['an unknown property', { presets: 'none' }, '/presets'],
  ['an unknown preset', { preset: 'all' }, '/preset'],
  ['a glob without a slash', { select: ['a'] }, '/select/0'],
  ['a resolution that is no side', { resolve: { '/a': 'both' } }, '/resolve/~1a'],
  ['an empty list of parts', { parts: { '/a': [] } }, '/parts/~1a'],
  ['consent that is no boolean', { allowDeletes: 'yes' }, '/allowDeletes'],
  ['a reason that is empty', { overrideGuard: '' }, '/overrideGuard'],
] as const)
  test(`${name} in a selection is a fault, and where it is`, () => {
    assert.deepEqual(
      checkerOf(selectionSchema)(structuredClone(selection)).map((fault) => fault.pointer),
      [pointer],
    )
  })

test('an empty selection is the ticks as shown, without consent to delete', () => {
  const selection = {}
  assert.deepEqual(checkerOf(selectionSchema)(selection), [])
  assert.deepEqual(selection, {
    preset: 'defaults',
    select: [],
    deselect: [],
    parts: {},
    resolve: {},
    overwrite: false,
    allowDeletes: false,
  })
})

test('thousands of named resources are chosen from a hundred thousand rows without trying each with each', () => {
  const select = Array.from({ length: 10_000 }, (_, i) => `/r${i}`)
  const { decide, unknown } = chosen({ preset: 'none', select })
  let written = 0
  for (let i = 0; i < 100_000; i++) {
    const decision = decide(row(`/r${i}`, 'fast-forward'))
    if ('write' in decision && decision.write === 'source') written++
  }
  assert.equal(written, 10_000)
  assert.deepEqual(unknown(), [])
})
