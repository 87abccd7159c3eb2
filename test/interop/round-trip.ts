/** What is asked of every peer: both ways, and the second time there is nothing to do. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { parseJson, printJson } from '../../src/documents/json.ts'
import type { RestOptions } from '../../src/endpoints/rest/options.ts'
import { rootPath } from '../../src/resources/path.ts'
import { puts } from '../endpoints/deliveries.ts'
import type { Counter } from './counter.ts'
import { applyTo, documentsIn, sourceOf, targetOf, treeOf, type Documents } from './syncing.ts'

/** `documents`: more than a page of them, so that collections are read. The peer is empty at first. */
export async function roundTrip(
  t: TestContext,
  counter: Counter,
  options: RestOptions,
  documents: Documents,
): Promise<void> {
  const [source, target] = [sourceOf(t, options), targetOf(t, options)]
  const wanted = Object.fromEntries(Object.entries(treeOf(documents)).map(([path, content]) => [path, String(content)]))

  const first = await applyTo(t, target, documents)
  assert.equal(first.error, undefined)
  assert.deepEqual(new Set(Object.values(first.outcomes)), new Set(['created']))
  assert.deepEqual(await documentsIn(source), wanted)

  await nothingToDo(t, counter, options, documents)

  const [name = ''] = Object.keys(documents)
  const changed: Documents = {
    ...documents,
    [name]: printJson(parseJson(String(wanted[`/${name}`]).replace('{', '{"changed": true, '))),
  }
  const update = await applyTo(t, target, changed)
  assert.equal(update.error, undefined)
  assert.equal(update.outcomes[`/${name}`], 'updated')
  assert.equal(Object.values(update.outcomes).filter((outcome) => outcome !== 'unchanged').length, 1)
  await nothingToDo(t, counter, options, changed)

  const fewer = Object.fromEntries(Object.entries(changed).slice(2))
  const header = { mode: 'mirror', roots: [rootPath] } as const
  const mirrored = await applyTo(t, target, puts({ '/': null, ...treeOf(fewer) }), { header })
  assert.equal(mirrored.error, undefined)
  assert.equal(Object.values(mirrored.outcomes).filter((outcome) => outcome === 'deleted').length, 2)
  assert.deepEqual(Object.keys(await documentsIn(source)), Object.keys(treeOf(fewer)).toSorted())
  await nothingToDo(t, counter, options, fewer)
}

/** By another target, which remembers nothing, one that has few to write, and what the peer has itself. */
async function nothingToDo(
  t: TestContext,
  counter: Counter,
  options: RestOptions,
  documents: Documents,
): Promise<void> {
  counter.forget()
  const all = await applyTo(t, targetOf(t, options), documents)
  assert.equal(all.error, undefined)
  assert.deepEqual(new Set(Object.values(all.outcomes)), new Set(['unchanged']))
  await applyTo(t, targetOf(t, options), Object.fromEntries(Object.entries(documents).slice(0, 3)))
  const own = await documentsIn(sourceOf(t, options))
  const { outcomes } = await applyTo(t, targetOf(t, options), puts(own))
  assert.deepEqual(new Set(Object.values(outcomes)), new Set(['unchanged']))
  assert.deepEqual(counter.writes, [])
}
