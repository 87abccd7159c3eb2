/** Documents as they were published: large ones, and how they went on. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { edited } from '../../../src/documents/edit.ts'
import { printJson } from '../../../src/documents/json.ts'
import { valueAt } from '../../../src/documents/pointers.ts'
import { fieldOf, type Fields, type Value } from '../../../src/documents/value.ts'
import { makeFolder } from '../trees.ts'
import { apply, changesIn, listOf, mirror, published, sourceAt, targetAt, textAt, valueIn } from './documents.ts'

const limits = { timeout: 240_000 }

for (const ending of ['json', 'yaml'])
  test(
    `all paths of a service, written into a new document of ${ending}, are listed as they were`,
    limits,
    async (t) => {
      const from = published('old', 'api.github.com.json')
      const path = join(await makeFolder(t), `copy.${ending}`)
      const target = targetAt(path)
      const changes = await changesIn(sourceAt(from))
      assert.equal(changes.length, 1 + Object.keys(fieldOf(valueIn(from), 'paths') as Fields).length)
      const outcomes = await apply(t, target, changes)
      assert.deepEqual(new Set(Object.values(outcomes)), new Set(['created']))
      const listed = await listOf(target)
      assert.deepEqual(listed, await listOf(targetAt(from)))
      assert.equal(listed.length, changes.length)
      const before = textAt(path)
      assert.deepEqual(new Set(Object.values(await apply(t, target, changes))), new Set(['unchanged']))
      assert.equal(textAt(path), before)
    },
  )

/** With what somebody who serves it has put there. */
function policed(text: string, names: readonly string[]): string {
  return edited(text, 'json', [
    { at: ['servers'], value: [{ url: 'https://gateway.example/v2' }] },
    { at: ['x-consumption'], value: { plan: 'gold' } },
    ...names.flatMap((name) => [
      { at: ['paths', name, 'x-policies'], value: [`limit ${name}`] },
      { at: ['paths', name, 'servers'], value: [{ url: `https://gateway.example${name}` }] },
    ]),
  ])
}

for (const [from, to, name] of [
  [published('old', 'api.github.com.json'), published('new', 'api.github.com.json'), 'years'],
  [published('new', 'ghes-3.18.json'), published('new', 'ghes-3.19.json'), 'one version'],
] as const)
  test(`a document follows another over ${name}, and keeps what is its own`, limits, async (t) => {
    const path = join(await makeFolder(t), 'virtual.json')
    const news = fieldOf(valueIn(to), 'paths') as Fields
    const stay = Object.keys(fieldOf(valueIn(from), 'paths') as Fields).filter((one) => Object.hasOwn(news, one))
    const some = stay.filter((_, i) => i % 7 === 0)
    writeFileSync(path, policed(textAt(from), some))
    const before = valueIn(path)
    const target = targetAt(path)
    const changes = await changesIn(sourceAt(to))
    const outcomes = Object.values(await apply(t, target, changes, { header: mirror }))
    assert.ok(outcomes.includes('updated') && outcomes.includes('created'))
    assert.deepEqual(await listOf(target), await listOf(targetAt(to)))
    const after = valueIn(path)
    for (const part of Object.keys(before).filter((one) => one !== 'paths' && one !== 'components'))
      assert.equal(said(after, part), said(before, part), part)
    assert.ok(some.length > 5)
    for (const one of some) {
      assert.equal(said(after, 'paths', one, 'x-policies'), `["limit ${one}"]`)
      assert.equal(said(after, 'paths', one, 'servers'), `[{"url": "https://gateway.example${one}"}]`)
    }
    const text = textAt(path)
    const again = await apply(t, target, changes, { header: mirror })
    assert.deepEqual(new Set(Object.values(again)), new Set(['unchanged']))
    assert.equal(textAt(path), text)
  })

function said(value: Value, ...at: string[]): string {
  return printJson(valueAt(value, at) ?? null)
}
