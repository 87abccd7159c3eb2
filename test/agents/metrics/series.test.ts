import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Counts, Durations, Gauges } from '../../../src/agents/metrics/series.ts'

test('a histogram counts each duration in all buckets that it fits into', () => {
  const one = new Durations('took_seconds', 'How long.', [0.1, 1])
  for (const seconds of [0.1, 0.25, 8]) one.observe({ result: 'ok' }, seconds)
  assert.deepEqual(
    [...one.lines()],
    [
      'took_seconds_bucket{result="ok",le="0.1"} 1',
      'took_seconds_bucket{result="ok",le="1"} 2',
      'took_seconds_bucket{result="ok",le="+Inf"} 3',
      'took_seconds_sum{result="ok"} 8.35',
      'took_seconds_count{result="ok"} 3',
    ],
  )
})

test('without labels there are no braces but those of a bucket', () => {
  const one = new Durations('took_seconds', 'How long.', [1])
  one.observe({}, 0.5)
  assert.deepEqual(
    [...one.lines()],
    [
      'took_seconds_bucket{le="1"} 1',
      'took_seconds_bucket{le="+Inf"} 1',
      'took_seconds_sum 0.5',
      'took_seconds_count 1',
    ],
  )
})

test('what a label may not hold as it is, is escaped', () => {
  const one = new Gauges('a', 'A.', [[{ agent: 'a"b', target: 'c\\d\ne' }, 1]])
  assert.deepEqual([...one.lines()], [String.raw`a{agent="a\"b",target="c\\d\ne"} 1`])
})

test('series of agents and targets that are no more go; those of no agent, and younger ones, stay', () => {
  const one = new Counts('a_total', 'A.')
  for (const labels of [
    { agent: 'here', target: 'kept' },
    { agent: 'here', target: 'gone' },
    { agent: 'here', result: 'ok' },
    { agent: 'gone', target: 'kept' },
    { result: '2xx' },
  ])
    one.add(labels)
  const knownAt = performance.now() + 0.001
  while (performance.now() <= knownAt);
  one.add({ agent: 'young', target: 'kept' })
  one.series.keepOnly(new Map([['here', new Set(['kept'])]]), knownAt)
  assert.deepEqual(
    [...one.lines()],
    [
      'a_total{agent="here",target="kept"} 1',
      'a_total{agent="here",result="ok"} 1',
      'a_total{result="2xx"} 1',
      'a_total{agent="young",target="kept"} 1',
    ],
  )
  one.series.forget('here')
  assert.deepEqual([...one.lines()], ['a_total{result="2xx"} 1', 'a_total{agent="young",target="kept"} 1'])
})
