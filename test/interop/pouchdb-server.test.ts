/** pouchdb-server, as CouchDB: 409 unless the revision is given, which is a member of the document. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { RestOptions } from '../../src/endpoints/rest/options.ts'
import { deletes } from '../endpoints/deliveries.ts'
import { makeFolder } from '../endpoints/trees.ts'
import { Counter } from './counter.ts'
import { freePort, runPeer, skipWithout } from './program.ts'
import { roundTrip } from './round-trip.ts'
import { applyTo, targetOf, type Documents } from './syncing.ts'

/** It is no dependency of ours: nobody keeps what it depends on. */
const wayOut = '.ci/run installs it beside the repository, or npm install --global pouchdb-server does'

async function pouchdb(t: TestContext, databases: readonly string[]): Promise<Counter> {
  const folder = await makeFolder(t)
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const args = [
    ...['--in-memory', '--no-stdout-logs', '--no-color'],
    ...['--host', '127.0.0.1', '--port', String(port), '--config', join(folder, 'config.json'), '--dir', folder],
  ]
  await runPeer(t, 'pouchdb-server', args, origin, folder)
  for (const name of databases) assert.equal((await fetch(`${origin}/${name}`, { method: 'PUT' })).status, 201)
  return Counter.before(t, origin)
}

const optionsFor = (counter: Counter, names: readonly string[]): RestOptions => ({
  url: counter.origin,
  collections: Object.fromEntries(names.map((name) => [name, `${name}/_all_docs?include_docs=true`])),
  schema: { id: '/_id', embedded: '/rows', document: '/doc' },
  ignore: ['/_rev'],
})

test('pouchdb-server: both ways, twice, changed and mirrored', async (t) => {
  if (skipWithout(t, 'pouchdb-server', wayOut)) return
  const names = ['things', 'others']
  const counter = await pouchdb(t, names)
  const documents = Object.fromEntries(
    Array.from({ length: 80 }, (_, i): [string, object] => {
      return [
        `${names[i % 2]}/${i % 3} ${i}`,
        { _id: `${i % 3} ${i}`, text: `é ${i}`, date: '2020-01-01', list: [{ of: null }] },
      ]
    }),
  )
  await roundTrip(t, counter, optionsFor(counter, names), documents as Documents)
})

test('pouchdb-server: what is changed and deleted is named by its revision', async (t) => {
  if (skipWithout(t, 'pouchdb-server', wayOut)) return
  const counter = await pouchdb(t, ['things'])
  const target = targetOf(t, optionsFor(counter, ['things']))
  for (const text of ['one', 'two', 'three']) {
    const { error } = await applyTo(t, target, { 'things/a': { _id: 'a', _rev: '9-of-another-database', text } })
    assert.equal(error, undefined)
  }
  assert.deepEqual(counter.writes, ['PUT /things/a 201', 'PUT /things/a 201', 'PUT /things/a 201'])
  const { outcomes } = await applyTo(t, target, [deletes('/things/a'), deletes('/things/b')])
  assert.deepEqual(outcomes, { '/things/a': 'deleted' })
})
