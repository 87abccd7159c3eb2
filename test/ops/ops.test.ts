/** What is in ops/: it is right by the word of promtool, asks for nothing that is not served, and says what to do. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { documented, familyOf, metricsIn, promtool, read } from './promtool.ts'

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook_url: string }
}
interface Target {
  readonly expr: string
  readonly refId: string
}
interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly datasource?: { readonly uid: string }
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly Target[]
}
interface Dashboard {
  readonly schemaVersion: number
  readonly uid: string
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { name: string; type: string; definition?: string }[] }
}

const { groups } = parse(read('ops/alerts.yml')) as { groups: { rules: Rule[] }[] }
const rules = groups.flatMap((group) => group.rules)
const dashboard = JSON.parse(read('ops/grafana.json')) as Dashboard
const { panels } = dashboard
const expressions = panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })))

/** With values in the place of Grafana's variables. */
function plain(expr: string): string {
  return expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$(agent|target)\b/g, '.*')
}

test('promtool takes the scrape config', (t) => promtool(t, ['check', 'config', 'prometheus.yml']))
test('promtool takes the alarms', (t) => promtool(t, ['check', 'rules', 'alerts.yml']))
test('each alarm goes off when it shall, and does not when it shall not', (t) => {
  const { tests } = parse(read('ops/alerts.test.yml')) as {
    tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[]
  }
  const cases = tests.flatMap((one) => one.alert_rule_test)
  for (const { alert } of rules) {
    const own = cases.filter(({ alertname }) => alertname === alert).map(({ exp_alerts: { length } }) => length > 0)
    assert.deepEqual(own, [true, false], `${alert} has one test for either`)
  }
  promtool(t, ['test', 'rules', 'alerts.test.yml'])
})

test('each alarm says how bad it is, what is wrong, and leads to its section of docs/OPERATIONS.md', () => {
  const sections = [...read('docs/OPERATIONS.md').matchAll(/^### (Trebuchet\w+)$/gm)].map(([, name]) => name)
  assert.deepEqual(
    sections,
    rules.map(({ alert }) => alert),
  )
  for (const { alert, labels, annotations } of rules) {
    assert.match(labels.severity, /^(critical|warning|info)$/, alert)
    assert.match(annotations.summary, /./, alert)
    assert.match(annotations.description, /\.$/, alert)
    assert.equal(annotations.runbook_url, `docs/OPERATIONS.md#${alert.toLowerCase()}`)
  }
})

test('alarms and dashboard ask for nothing that docs/OPERATIONS.md does not list', () => {
  const table = documented()
  const histograms = new Set([...table].filter(([, { kind }]) => kind === 'histogram').map(([name]) => name))
  const asked = [
    ...rules.map(({ expr }) => expr),
    ...expressions.map(({ expr }) => expr),
    ...dashboard.templating.list.map(({ definition = '' }) => definition),
    read('ops/alerts.test.yml'),
  ]
  const unknown = asked
    .flatMap((text) => [...metricsIn(text)])
    .map((name) => familyOf(name, histograms))
    .filter((name) => !table.has(name))
  assert.deepEqual(unknown, [])
  const shown = new Set(
    expressions.flatMap(({ expr }) => [...metricsIn(expr)].map((name) => familyOf(name, histograms))),
  )
  const unseen = [...table.keys()].filter(
    (name) => name.startsWith('trebuchet_') && !shown.has(name) && !name.endsWith('_volume_size_bytes'),
  )
  assert.deepEqual(unseen, [], 'the dashboard leaves something out')
})

test('promtool takes every expression of the dashboard', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'ops.'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'expressions.yml')
  const recorded = expressions.map(({ title, expr }, i) => ({
    ...{ record: `panel:${i}`, expr: plain(expr) },
    labels: { title },
  }))
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules: recorded }] }))
  promtool(t, ['check', 'rules', file])
})

test('what every server says alike is never added up', () => {
  for (const { expr } of [...expressions, ...rules])
    for (const [use, before] of expr.matchAll(
      /(\w+(?: by \([^)]*\))? )\((trebuchet_(queue_(?!d)|error_queue|target)\w+)/g,
    ))
      assert.match(before ?? '', /^(max|min|count)\b/, `${use} in ${expr}`)
})

test('the dashboard is one that Grafana takes: rows, variables, and panels beside each other', () => {
  assert.ok(dashboard.schemaVersion >= 36)
  assert.match(dashboard.uid, /^[a-z-]{1,40}$/)
  assert.deepEqual(
    dashboard.templating.list.map(({ name, type }) => `${name}: ${type}`),
    ['datasource: datasource', 'agent: query', 'target: query'],
  )
  assert.deepEqual(
    panels.filter(({ type }) => type === 'row').map(({ title }) => title),
    ['Overview', 'Queues', 'Deliveries', 'Durations', 'Freshness', 'HTTP', 'Process', 'Redis'],
  )
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
  const taken = new Set<string>()
  for (const { title, type, description, datasource, targets = [], gridPos } of panels) {
    const { x, y, w, h } = gridPos
    assert.ok(x >= 0 && x + w <= 24, `${title} is too far right`)
    for (let column = x; column < x + w; column++)
      for (let line = y; line < y + h; line++) {
        assert.ok(!taken.has(`${column}/${line}`), `${title} lies on another panel`)
        taken.add(`${column}/${line}`)
      }
    if (type === 'row') continue
    assert.match(description ?? '', /\.$/, title)
    assert.equal(datasource?.uid, '${datasource}', title)
    assert.ok(targets.length > 0, title)
    assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title)
  }
})
