/** Selections as they come over HTTP and from the command line: what is refused, and how it is told. */
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { OnServer } from '../cli/on-server.ts'
import type { Answer } from './client.ts'
import { textAt } from './trees.ts'
import type { Command, Problem } from './views.ts'

const on = await OnServer.start()
const { client } = on.server
let agents = 0

interface Row {
  readonly path: string
  readonly class: string
}
interface Comparison {
  readonly id: string
  readonly counts: Readonly<Record<string, number>>
  readonly recreate: readonly Row[]
  readonly differences: readonly Row[]
  readonly more?: boolean
}

type Files = Readonly<Record<string, string>>

class Sides {
  readonly name = `agent${++agents}`
  readonly folder = join(on.folder, this.name)

  static async given(source: Files, target: Files, more: object = {}): Promise<Sides> {
    const sides = new Sides()
    sides.write('source', source)
    sides.write('target', target)
    const at = (side: string): object => ({ kind: 'directory', path: join(sides.folder, side) })
    await client.agent({
      ...{ name: sides.name, source: at('source'), targets: [{ name: 'here', ...at('target') }] },
      ...{ deletes: { maxPercent: 50, maxCount: 10_000 }, ...more },
    } as never)
    return sides
  }

  write(side: 'source' | 'target', files: Files): void {
    mkdirSync(join(this.folder, side), { recursive: true })
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(this.folder, side, path, '..'), { recursive: true })
      writeFileSync(join(this.folder, side, path), text)
    }
  }

  remove(side: 'source' | 'target', path: string): void {
    rmSync(join(this.folder, side, path))
  }

  get(path: string): string | undefined {
    return textAt(join(this.folder, 'target'), path)
  }

  async compare(): Promise<Comparison> {
    const { status, body, text } = await client.post<Comparison>(`/agent/${this.name}/compare`, { json: {} })
    assert.equal(status, 201, text)
    return body
  }
}

function apply(id: string, json: object, headers: Record<string, string> = {}): Promise<Answer<Problem & Command>> {
  return client.post<Problem & Command>(`/comparisons/${id}/apply`, { json, headers })
}

function pointers({ errors = [] }: Problem): string[] {
  return errors.map(({ pointer }) => pointer)
}

test('what a selection cannot mean is refused by its place in it, and nothing is written', async () => {
  const sides = await Sides.given({ '/a.json': '{"x":1,"y":1}', '/b': '1', '/~/c': '1' }, {})
  await client.deliver(sides.name, { paths: ['/'] })
  sides.write('source', { '/a.json': '{"x":2,"y":1}', '/b': '2', '/~/c': '2', '/new': '1' })
  sides.write('target', { '/b': '3', '/~/c': '3', '/own': '1' })
  const { id } = await sides.compare()
  for (const [selection, status, wanted] of [
    [{ select: ['/b'] }, 400, ['/resolve/~1b']],
    [{ select: ['/~/c'] }, 400, ['/resolve/~1~0~1c']],
    [{ select: ['/b', '/~/c', '/own'] }, 400, ['/resolve/~1b', '/allowDeletes', '/resolve/~1~0~1c']],
    [{ preset: 'complete' }, 400, ['/allowDeletes']],
    [{ select: ['/nowhere'] }, 422, ['/select/0']],
    [{ deselect: ['/new', '/no/**'] }, 422, ['/deselect/1']],
    [{ parts: { '/nowhere': ['/x'] } }, 422, ['/parts/~1nowhere']],
    [{ parts: { '/a.json': ['/x', '/y'] } }, 400, ['/parts/~1a.json/1']],
    [{ resolve: { '/no/where': 'source' } }, 422, ['/resolve/~1no~1where']],
    [{ parts: { '/a.json': ['/x'] }, resolve: { '/a.json': 'source' } }, 400, ['/parts/~1a.json']],
    [{ resolve: { '/b': 'merged' } }, 400, ['/resolve/~1b']],
    [{ preset: 'all' }, 400, ['/preset']],
    [{ presets: 'none' }, 400, ['/presets']],
    [{ parts: { '/a.json': [] } }, 400, ['/parts/~1a.json']],
    [{ overrideGuard: '' }, 400, ['/overrideGuard']],
    [{ select: '/b' }, 400, ['/select']],
  ] as const) {
    const answer = await apply(id, selection)
    assert.equal(answer.status, status, `${JSON.stringify(selection)}: ${answer.text}`)
    assert.deepEqual(pointers(answer.body).toSorted(), [...wanted].toSorted(), JSON.stringify(selection))
  }
  assert.deepEqual([sides.get('/a.json'), sides.get('/b'), sides.get('/new')], ['{"x":1,"y":1}', '3', undefined])
})

test('a part by its pointer is taken, and what is beside it is not', async () => {
  const sides = await Sides.given({ '/a.json': '{"x":1,"y":1}' }, {})
  await client.deliver(sides.name, { paths: ['/'] })
  sides.write('source', { '/a.json': '{"x":2,"y":2}' })
  const { id } = await sides.compare()
  const { body, status } = await apply(id, { parts: { '/a.json': ['/x'] } }, { prefer: 'wait=30' })
  assert.equal(status, 200)
  assert.equal(body.state, 'succeeded')
  assert.equal(sides.get('/a.json'), '{"x":2,"y":1}')
  const again = await sides.compare()
  assert.deepEqual(
    again.recreate.map(({ path, class: cls }) => [path, cls]),
    [['/a.json', 'fast-forward']],
    'the other part is still to come',
  )
})

test('deletions beyond the guard, and all of an empty source, need a reason', async () => {
  const sides = await Sides.given({ '/a': '1' }, { '/a': '1', '/b': '1', '/c': '1' })
  const { id } = await sides.compare()
  const beyond = await apply(id, { preset: 'complete', allowDeletes: true })
  assert.equal(beyond.status, 409)
  assert.match(beyond.body.detail, /2 of 3 resources would be deleted.*50 %.*overrideGuard/)
  const taken = await apply(id, { preset: 'complete', allowDeletes: true, overrideGuard: 'retired' })
  assert.equal(taken.status, 202, taken.text)
  assert.equal((await client.finished(taken.body.id)).state, 'succeeded')
  assert.deepEqual(
    ['/a', '/b', '/c'].map((path) => sides.get(path)),
    ['1', undefined, undefined],
  )
  sides.remove('source', '/a')
  const emptied = await apply((await sides.compare()).id, { preset: 'complete', allowDeletes: true })
  assert.equal(emptied.status, 409)
  assert.match(emptied.body.detail, /the source is empty/)
})

test('the same Idempotency-Key is one command', async () => {
  const sides = await Sides.given({ '/a': '2' }, { '/a': '1' })
  const { id } = await sides.compare()
  const headers = { 'idempotency-key': sides.name }
  const first = await apply(id, {}, headers)
  assert.equal(first.status, 202, first.text)
  await client.finished(first.body.id)
  // The target has moved, by the first.
  const second = await apply(id, {}, headers)
  assert.deepEqual([second.status, second.body.id], [202, first.body.id])
  assert.equal((await apply(id, {})).status, 409)
})

test('an id that is none, or is forgotten, is missing', async () => {
  const ids = ['01ARZ3NDEKTSV4RRFFQ69G5FAV', 'x', '..%2f..', '%00', 'ü', 'a'.repeat(3000)]
  for (const id of ids) {
    assert.equal((await client.get(`/comparisons/${id}`)).status, 404, id)
    assert.equal((await client.get(`/comparisons/${id}/resources`)).status, 404, id)
    assert.equal((await client.get(`/comparisons/${id}/resource?path=/a`)).status, 404, id)
    assert.equal((await apply(id, {})).status, 404, id)
    for (const verb of ['revert', 'approve']) assert.equal((await client.post(`/commands/${id}/${verb}`)).status, 404)
    assert.equal((await client.get(`/commands/${id}/resources`)).status, 404, id)
  }
  const sides = await Sides.given({ '/a': '1' }, {})
  const { id } = await client.deliver(sides.name, { paths: ['/'] })
  assert.equal((await client.post(`/commands/${id}/revert`)).status, 409, 'it applied no comparison')
  assert.equal((await client.post(`/commands/${id}/approve`)).status, 409, 'nobody has to')
  const comparison = await sides.compare()
  assert.equal((await client.get(`/comparisons/${comparison.id}/resource?path=/b`)).status, 404)
})

test('the rows of a large comparison come in pages, filtered, each once and in order', async () => {
  const many = 5000
  const name = (i: number): string => `/f${String(i).padStart(4, '0')}.txt`
  const all = Array.from({ length: many }, (_, i) => name(i))
  const some = all.filter((_, i) => i % 5 === 0)
  const sides = await Sides.given(
    Object.fromEntries(all.map((path) => [path, '1'])),
    Object.fromEntries([...some.map((path) => [path, '2']), ...some.map((path) => [`/z${path}`, '1'])]),
  )
  const { id, counts, recreate, differences, more } = await sides.compare()
  assert.deepEqual([counts['added'], counts['changed'], counts['deleted']], [4000, 1000, 1000])
  assert.deepEqual([recreate.length, differences.length, more], [1000, 1000, true])
  const pages = async (query: Record<string, string>): Promise<string[]> => {
    const paths: string[] = []
    for (let cursor: string | undefined; ;) {
      const asked = { ...query, limit: '400', ...(cursor !== undefined && { cursor }) }
      const { body, status, text } = await client.get<{ items: Row[]; next?: string }>(`/comparisons/${id}/resources`, {
        query: asked,
      })
      assert.equal(status, 200, text)
      paths.push(...body.items.map(({ path }) => path))
      if (body.next === undefined) return paths
      cursor = body.next
    }
  }
  assert.deepEqual(await pages({ changed: 'true', state: 'existing' }), some)
  assert.deepEqual(
    await pages({ path: '/z' }),
    some.map((path) => `/z${path}`),
  )
  assert.deepEqual(
    await pages({ state: 'added', class: 'unbased' }),
    all.filter((_, i) => i % 5 !== 0),
  )
  assert.equal((await pages({})).length, 6000)
  assert.deepEqual(await pages({ class: 'conflict' }), [])
  // Somewhere in a row, and behind the last.
  for (const after of ['7', '999999999', '-1', '1e3']) {
    const cursor = Buffer.from(JSON.stringify({ after })).toString('base64url')
    const { status, text } = await client.get(`/comparisons/${id}/resources`, { query: { cursor } })
    assert.equal(status, 400, `${after}: ${text}`)
  }
})

test('the command line says how both sides stand by its exit code, in three ways', async () => {
  const sides = await Sides.given({ '/a': '1', '/b': '1', '/gone': '1' }, {})
  await client.deliver(sides.name, { paths: ['/'] })
  assert.match(await on.says(0, 'compare', sides.name), /^0 added, 0 changed, 0 deleted\n$/)
  sides.write('source', { '/a': '2', '/new': '1' })
  sides.remove('source', '/gone')
  assert.equal(
    await on.says(2, 'compare', sides.name),
    '~ [x] /a (fast-forward)\n- [ ] /gone (deleted-at-source)\n+ [ ] /new (new-at-source)\n1 added, 1 changed, 1 deleted\n',
  )
  sides.write('target', { '/a': '3' })
  const text = await on.says(3, 'compare', sides.name, '--path', '/a')
  assert.equal(text, '! [ ] /a (conflict)\n0 added, 1 changed, 0 deleted, 1 in conflict\n')
  const json = JSON.parse(await on.says(3, 'compare', sides.name, '--output', 'json')) as Comparison & {
    resources: Row[]
  }
  assert.equal(json.resources.length, 4)
  assert.match(await on.says(3, 'comparison', 'get', json.id), /^! \[ \] \/a \(conflict\)\n/)
  const lines = (await on.says(3, 'compare', sides.name, '--output', 'ndjson')).trimEnd().split('\n')
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as Row).path),
    ['/a', '/b', '/gone', '/new'],
  )
})

test('the command line applies what is chosen, and takes it back', async () => {
  const sides = await Sides.given({ '/a': '1', '/b': '1', '/gone': '1' }, {})
  await client.deliver(sides.name, { paths: ['/'] })
  sides.write('source', { '/a': '2', '/b': '2', '/new': '1' })
  sides.write('target', { '/b': '3' })
  sides.remove('source', '/gone')
  const compare = ['compare', sides.name, '--apply', '--wait']
  await on.says(2, 'compare', sides.name, '--preset', 'none')
  const refused = await on.run([...compare, '--preset', 'complete'])
  assert.notEqual(refused.code, 0)
  assert.match(refused.stderr, /allowDeletes|--allow-deletes/)
  assert.equal(sides.get('/a'), '1')
  const chosen = ['--select', '/new', '--select', '/gone', '--allow-deletes', '--resolve', '/b=source']
  const output = await on.says(0, ...compare, '--output', 'json', ...chosen)
  assert.deepEqual(
    ['/a', '/b', '/gone', '/new'].map((path) => sides.get(path)),
    ['2', '2', undefined, '1'],
  )
  const { id } = JSON.parse(output) as Command
  const reverting = await on.run(['command', 'revert', id])
  assert.match(reverting.stdout, /- \[x\] \/new/)
  const { body } = await client.get<{ items: { id: string }[] }>(`/agent/${sides.name}/comparisons`)
  const newest = body.items[0]?.id ?? ''
  await on.says(0, 'comparison', 'apply', newest, '--allow-deletes', '--wait')
  assert.deepEqual(
    ['/a', '/b', '/gone', '/new'].map((path) => sides.get(path)),
    ['1', '3', '1', undefined],
  )
})
