/** What the dashboard sends for what was ticked, judged by the chooser that applies it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { classes } from '../../src/compare/classes.ts'
import { chooser, selectionSchema, type Row as Compared, type Selection } from '../../src/compare/selection.ts'
import { selectionOf, treeOf } from '../../src/dashboard/comparison/selection.ts'
import {
  presetTicks,
  tickAll,
  tickOf,
  type Choices,
  type Row,
  type Tick,
} from '../../src/dashboard/comparison/ticks.ts'
import { presets } from '../../src/dashboard/comparison/views.ts'
import { parsePath } from '../../src/resources/path.ts'
import { checkerOf } from '../../src/resources/schema.ts'

const parts = [
  { part: '/a', class: 'fast-forward' },
  { part: '/b', class: 'customised' },
] as const

const asCompared = (row: Row): Compared => ({
  ...{ path: parsePath(row.path), state: row.state, selected: row.selected, class: row.class },
  changed: !['same', 'converged'].includes(row.class),
  ...(row.parts > 0 && { parts }),
})

/** What becomes of each row, by what is sent. */
function done(rows: readonly Row[], choices: Choices): Map<string, string> | undefined {
  const sent = selectionOf(() => treeOf(rows), new Map(rows.map((row) => [row.path, row])), choices)
  if ('problem' in sent) return undefined
  const selection = { ...sent, allowDeletes: true } as unknown as Selection
  assert.deepEqual(checkerOf(selectionSchema)(selection), [])
  const { decide, unknown } = chooser(selection)
  const outcome = new Map(
    rows.map((row) => {
      const decision = decide(asCompared(row))
      assert.ok(!('fault' in decision), JSON.stringify([decision, row, selection]))
      const taken = decision.parts && [...decision.parts.keys()].toSorted().join()
      return [row.path, taken === undefined ? decision.write : `parts ${taken}`]
    }),
  )
  assert.deepEqual(unknown(), [])
  return outcome
}

/** The same by what is shown. */
function shown(row: Row, choices: Choices): string {
  const tick = tickOf(row, choices)
  if (['same', 'converged'].includes(row.class)) return 'nothing'
  if (tick === false || tick === 'target') return 'nothing'
  if (typeof tick === 'object') return tick.size === 0 ? 'nothing' : `parts ${[...tick].toSorted().join()}`
  if (row.state === 'deleted') return 'delete'
  const isWhole = choices.overwrite || choices.preset === 'complete' || row.class !== 'merge'
  return isWhole ? 'source' : 'parts /a'
}

const name = fc.constantFrom('a', 'b', 'c', 'd*', 'd?', 'dx', 'e')
const place = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => `/${names.join('/')}`)
const row = fc
  .record({ path: place, state: fc.constantFrom('existing', 'added', 'deleted'), class: fc.constantFrom(...classes) })
  .chain((known) =>
    fc.record({
      tick: fc.constantFrom<Tick | undefined>(true, false, undefined, 'source', 'target', new Set(['/a']), new Set()),
      row: fc.boolean().map((selected): Row => {
        const state = known.class === 'merge' || known.class === 'same' ? 'existing' : known.state
        const isTicked = selected && known.class !== 'conflict'
        return {
          ...{ ...known, state, selected: isTicked, parts: state === 'existing' ? 2 : 0 },
          ...{ breaks: false, isFolder: false, size: 1 },
        } as Row
      }),
    }),
  )

function fitting(one: Row, tick: Tick | undefined): Tick | undefined {
  if (typeof tick === 'object') return one.parts > 0 ? tick : undefined
  if (tick === 'source' || tick === 'target') return one.class === 'conflict' ? tick : undefined
  return tick === true && one.class === 'conflict' ? undefined : tick
}

test('what is sent does what is shown, whatever was ticked, whatever paths are called', () => {
  let sayable = 0
  fc.assert(
    fc.property(
      fc.uniqueArray(row, { selector: (one) => one.row.path, maxLength: 40 }),
      fc.constantFrom(...presets),
      fc.boolean(),
      fc.array(fc.record({ below: place, tick: fc.boolean() }), { maxLength: 3 }),
      fc.boolean(),
      (found, preset, overwrite, bulk, isMany) => {
        const rows = found.map((one) => one.row)
        const choices: Choices = { preset, overwrite, ticks: new Map() }
        for (const { below, tick } of bulk)
          tickAll(
            rows.filter(({ path }) => path.startsWith(below)),
            tick,
            choices,
          )
        for (const one of found) {
          const tick = fitting(one.row, one.tick)
          if (tick !== undefined) choices.ticks.set(one.row.path, tick)
        }
        // Many exceptions are gathered into folders: as many as it takes, far from the others.
        const more = isMany
          ? Array.from({ length: 250 }, (_, i): Row => ({
              ...{ path: `/more/${i % 5}/${i}`, state: 'added', class: 'new-at-source', selected: false },
              ...{ parts: 0, breaks: false, isFolder: false, size: 1 },
            }))
          : []
        tickAll(more, true, choices)
        const all = [...rows, ...more]
        const outcome = done(all, choices)
        if (outcome === undefined) return
        sayable++
        for (const one of all) assert.equal(outcome.get(one.path), shown(one, choices), one.path)
      },
    ),
    { numRuns: 500 },
  )
  assert.ok(sayable > 250, `only ${sayable} of 500 could be said`)
})

test('a hundred thousand ticks are told in a few globs, and all but some in as many more', () => {
  const rows = Array.from({ length: 100_000 }, (_, i): Row => ({
    ...{ path: `/content/${i % 100}/page-${i}`, state: 'deleted', class: 'target-only', selected: false },
    ...{ parts: 0, breaks: false, isFolder: false, size: 1 },
  }))
  const choices: Choices = { preset: 'defaults', overwrite: false, ticks: new Map() }
  tickAll(rows, true, choices)
  for (const one of rows.filter((_, i) => i % 1000 === 7)) choices.ticks.set(one.path, false)
  for (const one of rows.filter(({ path }) => path.startsWith('/content/42/'))) choices.ticks.set(one.path, false)
  const sent = selectionOf(() => treeOf(rows), new Map(rows.map((one) => [one.path, one])), choices)
  assert.ok(!('problem' in sent))
  assert.ok(sent.select.length <= 2 && sent.deselect.length <= 101, `${sent.select.length}, ${sent.deselect.length}`)
  assert.deepEqual(sent.select, ['/content/**'])
})

test('what cannot be said at once is told so', () => {
  const rows = Array.from({ length: 40_000 }, (_, i): Row => ({
    ...{ path: `/p-${i}`, state: 'added', class: 'removed-at-target', selected: false },
    ...{ parts: 0, breaks: false, isFolder: false, size: 1 },
  }))
  const choices: Choices = { preset: 'defaults', overwrite: false, ticks: new Map() }
  tickAll(
    rows.filter((_, i) => i % 2 === 0),
    true,
    choices,
  )
  const sent = selectionOf(() => treeOf(rows), new Map(rows.map((one) => [one.path, one])), choices)
  assert.match('problem' in sent ? sent.problem : '', /20,000 exceptions/)
})

test('presets tick what the server says of them', () => {
  for (const cls of classes)
    for (const state of ['existing', 'added', 'deleted'] as const)
      for (const preset of presets) {
        if (cls === 'same' || cls === 'converged' || (cls === 'conflict' && preset !== 'none')) continue
        const one: Row = {
          ...{ path: '/a', state, class: cls, selected: state === 'existing', parts: 0 },
          ...{ breaks: false, isFolder: false, size: 1 },
        }
        const empty = { select: [], deselect: [], parts: {}, resolve: {}, overwrite: false, allowDeletes: true }
        const decision = chooser({ ...empty, preset }).decide(asCompared(one))
        assert.ok(!('fault' in decision))
        assert.equal(
          presetTicks(one, preset),
          decision.write !== 'nothing' || decision.rebase,
          `${cls} ${state} ${preset}`,
        )
      }
})
