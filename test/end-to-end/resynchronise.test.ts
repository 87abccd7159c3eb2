/** The tables of selective resynchronisation, row by row, for each kind that they were made for. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { comparing, type Comparison, type Row } from './comparing.ts'
import { directoryPair, openapiPair, type Pair, type PairKind } from './pairs.ts'
import { scratch, Server } from './server.ts'

const folder = scratch()
const server = await Server.start()
const { client } = server
const { post, compare, apply } = comparing(client)

let agents = 0

/** An agent between two that hold these; `admits` is so wide that no guard strikes. */
async function given(
  kind: PairKind,
  sides: Partial<Record<'source' | 'target', Record<string, string>>>,
  settings: object = {},
): Promise<{ pair: Pair; name: string }> {
  const name = `agent${++agents}`
  const pair = kind(join(folder, name))
  for (const side of ['source', 'target'] as const)
    for (const [one, version] of Object.entries(sides[side] ?? {})) pair.set(side, one, version)
  const { source, target } = pair.endpoints
  await client.agent({
    ...{ name, source, targets: [{ name: 'default', ...target }] },
    ...{ deletes: { maxPercent: 100, maxCount: 100 }, ...settings },
  })
  return { pair, name }
}

function shown({ recreate, differences }: Comparison): Record<string, string[]> {
  const text = ({ path, state, selected }: Row): string => `${path} ${state} ${selected ? 'ticked' : 'not ticked'}`
  return { recreate: recreate.map(text), differences: differences.map(text) }
}

function held(pair: Pair, names = ['A', 'B', 'C']): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const version = pair.get('target', name)
      return version === undefined ? [] : [[name, version]]
    }),
  )
}

for (const [kindName, kind] of Object.entries({ directory: directoryPair, openapi: openapiPair }))
  test(`kind ${kindName}`, async (t) => {
    await t.test('what only the source has is newly added, and not ticked', async () => {
      const { name } = await given(kind, { source: { A: '1' } })
      assert.deepEqual(shown(await compare(name)), { recreate: ['/A added not ticked'], differences: [] })
    })

    for (const [what, version] of [
      ['equal', '1'],
      ['different', '2'],
    ] as const)
      await t.test(`what both have already exists and is ticked: ${what}`, async () => {
        const { name } = await given(kind, { source: { A: '1' }, target: { A: version } })
        assert.deepEqual(shown(await compare(name)), { recreate: ['/A existing ticked'], differences: [] })
      })

    await t.test('what only the target has is a difference, and not ticked', async () => {
      const { name } = await given(kind, { target: { A: '1' } })
      assert.deepEqual(shown(await compare(name)), { recreate: [], differences: ['/A deleted not ticked'] })
    })

    for (const [what, sides, ticked, unticked] of [
      ['newly added', { source: { A: '1' } }, { A: '1' }, {}],
      ['already exists', { source: { A: '1' }, target: { A: '2' } }, { A: '1' }, { A: '2' }],
      ['differences', { target: { A: '2' } }, {}, { A: '2' }],
    ] as const)
      for (const isTicked of [true, false])
        await t.test(`${what}, ${isTicked ? 'ticked' : 'not ticked'}`, async () => {
          const { pair, name } = await given(kind, sides)
          const before = ['A', 'B', 'C'].map((one) => pair.get('source', one))
          const selection = isTicked ? { preset: 'none', select: ['/A'], allowDeletes: true } : { preset: 'none' }
          // The only one that the target has may go: that is what was said.
          const command = await apply(await compare(name), {
            ...selection,
            ...(what === 'differences' && isTicked && { overrideGuard: 'the source is empty on purpose' }),
          })
          assert.deepEqual(held(pair), isTicked ? ticked : unticked)
          assert.deepEqual(
            ['A', 'B', 'C'].map((one) => pair.get('source', one)),
            before,
            'the source is as it was',
          )
          assert.equal(command.kind, 'replicate')
        })

    const cases = {
      add: [
        { source: { A: '2', B: '2', C: '2' }, target: { A: '1', B: '1' } },
        { select: ['/C'] },
        { A: '2', B: '2', C: '2' },
      ],
      edit: [{ source: { A: '2', B: '3' }, target: { A: '1', B: '1' } }, {}, { A: '2', B: '3' }],
      delete: [{ source: { A: '2' }, target: { A: '1', B: '1' } }, { select: ['/B'], allowDeletes: true }, { A: '2' }],
      'delete by default': [{ source: { A: '2' }, target: { A: '1', B: '1' } }, {}, { A: '2', B: '1' }],
    } as const
    for (const [what, [sides, selection, after]] of Object.entries(cases)) {
      await t.test(`usage scenario: ${what}`, async () => {
        const { pair, name } = await given(kind, sides)
        await apply(await compare(name), selection)
        assert.deepEqual(held(pair), after)
      })
      await t.test(`usage scenario: ${what}, all unticked`, async () => {
        const { pair, name } = await given(kind, sides)
        await apply(await compare(name), { deselect: ['/**'] })
        assert.deepEqual(held(pair), sides.target)
      })
    }

    // A deleted at the source, B updated, C added.
    for (const [what, selection, after] of [
      ['complete', { preset: 'complete', allowDeletes: true }, { B: '2', C: '2' }],
      ['modified only', { preset: 'modified' }, { A: '1', B: '2' }],
      ['the ticks as shown are modified only', {}, { A: '1', B: '2' }],
      ['added only', { preset: 'added' }, { A: '1', B: '1', C: '2' }],
      ['deleted only', { preset: 'deleted', allowDeletes: true }, { B: '1' }],
      ['none', { preset: 'none' }, { A: '1', B: '1' }],
      ['modified and added', { preset: 'none', select: ['/B', '/C'] }, { A: '1', B: '2', C: '2' }],
      ['modified and deleted', { preset: 'none', select: ['/B', '/A'], allowDeletes: true }, { B: '2' }],
      ['added and deleted', { preset: 'none', select: ['/C', '/A'], allowDeletes: true }, { B: '1', C: '2' }],
    ] as const)
      for (const based of [false, true])
        await t.test(`combination, ${based ? 'with' : 'without'} a common state: ${what}`, async () => {
          const { pair, name } = await given(kind, {
            source: { A: '1', B: '1' },
            ...(!based && { target: { A: '1', B: '1' } }),
          })
          if (based) await client.deliver(name, { paths: ['/'] })
          pair.set('source', 'A', undefined)
          pair.set('source', 'B', '2')
          pair.set('source', 'C', '2')
          const comparison = await compare(name)
          assert.deepEqual(shown(comparison), {
            recreate: ['/B existing ticked', '/C added not ticked'],
            differences: ['/A deleted not ticked'],
          })
          await apply(comparison, selection)
          assert.deepEqual(held(pair), after)
        })

    // The common state is `1`, or nothing; what each side has made of it since, and what that is called.
    const threeWay = [
      ['same, same', '1', '1', '1', 'same', true],
      ['changed, same', '1', '2', '1', 'fast-forward', true],
      ['same, changed', '1', '1', '2', 'customised', false],
      ['changed, changed equally', '1', '2', '2', 'converged', true],
      ['changed, changed differently', '1', '2', '3', 'conflict', false],
      ['added at the source', undefined, '2', undefined, 'new-at-source', false],
      ['added at the target', undefined, undefined, '2', 'target-only', false],
      ['added at both, different', undefined, '2', '3', 'conflict', false],
      ['deleted, same', '1', undefined, '1', 'deleted-at-source', false],
      ['deleted, changed', '1', undefined, '3', 'conflict', false],
      ['same, deleted', '1', '1', undefined, 'removed-at-target', false],
      ['changed, deleted', '1', '2', undefined, 'conflict', false],
    ] as const
    for (const [what, base, source, target, cls, selected] of threeWay)
      await t.test(`three-way: ${what} is ${cls}`, async () => {
        const { pair, name } = await given(kind, { source: { Z: 'stays', ...(base !== undefined && { A: base }) } })
        await client.deliver(name, { paths: ['/'] })
        pair.set('source', 'A', source)
        pair.set('target', 'A', target)
        const { recreate, differences, counts } = await compare(name)
        const row = [...recreate, ...differences].find(({ path }) => path === '/A')
        assert.deepEqual([row?.class, row?.selected], [cls, selected], JSON.stringify(row))
        assert.equal(counts.conflicts, cls === 'conflict' ? 1 : 0)
      })

    await t.test('three-way: deleted on both sides is nothing', async () => {
      const { pair, name } = await given(kind, { source: { Z: 'stays', A: '1' } })
      await client.deliver(name, { paths: ['/'] })
      pair.set('source', 'A', undefined)
      pair.set('target', 'A', undefined)
      const { recreate, differences } = await compare(name)
      assert.deepEqual(
        [...recreate, ...differences].map(({ path }) => path),
        ['/Z'],
      )
    })

    for (const side of ['source', 'target'] as const)
      await t.test(`a conflict that is resolved for the ${side} is none afterwards`, async () => {
        const { pair, name } = await given(kind, { source: { A: '1' } })
        await client.deliver(name, { paths: ['/'] })
        pair.set('source', 'A', '2')
        pair.set('target', 'A', '3')
        const comparison = await compare(name)
        const unresolved = await post(`/comparisons/${comparison.id}/apply`, { select: ['/A'] })
        assert.equal(unresolved.status, 400, JSON.stringify(unresolved.body))
        await apply(comparison, { resolve: { '/A': side } })
        assert.equal(pair.get('target', 'A'), side === 'source' ? '2' : '3')
        const [row] = (await compare(name)).recreate
        assert.equal(row?.class, side === 'source' ? 'same' : 'customised')
      })

    for (const side of ['source', 'target'] as const)
      await t.test(`nothing is written when the ${side} has moved since it was compared`, async () => {
        const { pair, name } = await given(kind, { source: { A: '2' }, target: { A: '1' } })
        const comparison = await compare(name)
        pair.set(side, 'B', 'moved')
        const { status, body } = await post(`/comparisons/${comparison.id}/apply`, {})
        assert.equal(status, 409, JSON.stringify(body))
        assert.equal(pair.get('target', 'A'), '1')
      })

    await t.test('a deletion needs its own consent, and stays within the guard', async () => {
      const { pair, name } = await given(
        kind,
        { source: { A: '1' }, target: { A: '1', B: '1', C: '1' } },
        { deletes: { maxPercent: 50, maxCount: 1 } },
      )
      const comparison = await compare(name)
      const to = `/comparisons/${comparison.id}/apply`
      assert.equal((await post(to, { preset: 'complete' })).status, 400)
      assert.equal((await post(to, { preset: 'complete', allowDeletes: true })).status, 409)
      assert.deepEqual(held(pair), { A: '1', B: '1', C: '1' })
      await apply(comparison, { preset: 'complete', allowDeletes: true, overrideGuard: 'retired' })
      assert.deepEqual(held(pair), { A: '1' })
    })

    await t.test('what was applied can be taken back', async () => {
      const { pair, name } = await given(kind, { source: { B: '2', C: '2' }, target: { A: '1', B: '1' } })
      const { id } = await apply(await compare(name), { preset: 'complete', allowDeletes: true })
      assert.deepEqual(held(pair), { B: '2', C: '2' })
      const { status, body } = await post(`/commands/${id}/revert`)
      assert.equal(status, 201, JSON.stringify(body))
      await apply(body as Comparison, { allowDeletes: true })
      assert.deepEqual(held(pair), { A: '1', B: '1' })
    })

    await t.test('a mirror can be taken back, with the common state that was there before', async () => {
      const { pair, name } = await given(kind, { source: { A: '1', B: '1' } })
      await client.deliver(name, { paths: ['/'] })
      pair.set('source', 'A', undefined)
      pair.set('source', 'B', '2')
      pair.set('source', 'C', '2')
      pair.set('target', 'D', 'extra')
      const { id } = await client.deliver(name, { paths: ['/'], mode: 'mirror' })
      assert.deepEqual(held(pair, ['A', 'B', 'C', 'D']), { B: '2', C: '2' })
      const { status, body } = await post(`/commands/${id}/revert`)
      assert.equal(status, 201, JSON.stringify(body))
      await apply(body as Comparison, { allowDeletes: true })
      assert.deepEqual(held(pair, ['A', 'B', 'C', 'D']), { A: '1', B: '1', D: 'extra' })
      const { recreate, differences } = await compare(name)
      assert.deepEqual(
        [...recreate, ...differences].map(({ path, class: cls }) => `${path} ${cls}`),
        ['/B fast-forward', '/C new-at-source', '/A deleted-at-source', '/D target-only'],
      )
    })

    await t.test('what somebody has changed since is a conflict when it is taken back', async () => {
      const { pair, name } = await given(kind, { source: { A: '2', B: '2' }, target: { A: '1', B: '1' } })
      const { id } = await apply(await compare(name), { preset: 'complete' })
      pair.set('target', 'A', '3')
      const { body } = await post(`/commands/${id}/revert`)
      const reverting = body as Comparison
      assert.deepEqual(
        reverting.recreate.map(({ path, class: cls }) => [path, cls]),
        [
          ['/A', 'conflict'],
          ['/B', 'fast-forward'],
        ],
      )
      await apply(reverting, {})
      assert.deepEqual(held(pair), { A: '3', B: '1' })
    })
  })
