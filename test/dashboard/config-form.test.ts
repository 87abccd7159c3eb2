import assert from 'node:assert/strict'
import { test } from 'node:test'
import { documentedConfigSchema } from '../../src/agents/config/endpoint-config.ts'
import { isSame, pointerOf, rebased, wayOf, withAt } from '../../src/dashboard/config/draft.ts'
import { blankOf, tagOf, variantOf, variantsOf, type Schema } from '../../src/dashboard/config/schema.ts'
import { kinds } from '../../src/endpoints/kinds.ts'

const schema = documentedConfigSchema(kinds) as Schema

test('of every choice in the schema of a config the form knows again what it begins with', () => {
  const lost: string[] = []
  let seen = 0
  const visit = (one: Schema, at: string): void => {
    for (const variant of variantsOf(one) ?? []) {
      seen++
      if (variantOf(variantsOf(one) ?? [], blankOf(variant)) !== variant) lost.push(`${at} ${variant.title}`)
      visit(variant, at)
    }
    for (const [name, member] of Object.entries(one.properties ?? {})) visit(member, `${at}/${name}`)
    if (one.items) visit(one.items, `${at}/-`)
    if (typeof one.additionalProperties === 'object') visit(one.additionalProperties, `${at}/*`)
  }
  visit(schema, '')
  assert.ok(seen > 50, `${seen} variants`)
  assert.deepEqual(lost, [])
})

test('sources and targets are told apart by their kind, triggers too, and secrets by what they name', () => {
  const { source = {}, triggers = {}, targets = {} } = schema.properties ?? {}
  for (const one of [source, targets.items ?? {}, triggers.items ?? {}])
    assert.equal(tagOf(variantsOf(one) ?? []), 'kind')
  const token = variantsOf(targets.items ?? {})?.find(({ properties }) => properties?.['token'])?.properties?.['token']
  const variants = variantsOf(token ?? {}) ?? []
  assert.equal(tagOf(variants), undefined)
  const chosen = ['plain', { env: 'A' }, { file: '/a' }, { secret: 'set' }].map((value) => variantOf(variants, value))
  assert.deepEqual(chosen, variants)
})

test('what another has stored meanwhile and what I have changed are both in the draft', () => {
  const base = { title: 'one', roots: ['/a'], queue: { attempts: 10, limit: 5 }, approval: true }
  const mine = { title: 'mine', roots: ['/a'], queue: { attempts: 3, limit: 5 } }
  const theirs = { title: 'theirs', roots: ['/b'], queue: { attempts: 10, limit: 9 }, approval: true, hooks: [] }
  assert.deepEqual(rebased(base, mine, theirs), {
    ...{ title: 'mine', roots: ['/b'], queue: { attempts: 3, limit: 9 }, hooks: [] },
  })
})

test('a value is changed, added and taken away where the pointer leads, in a copy', () => {
  const before = { a: [{ 'x/y': 1 }, { b: 2 }] }
  assert.deepEqual(withAt(before, wayOf('/a/0/x~1y'), 5), { a: [{ 'x/y': 5 }, { b: 2 }] })
  assert.deepEqual(withAt(before, ['a', '1', 'b'], undefined), { a: [{ 'x/y': 1 }, {}] })
  assert.deepEqual(withAt(before, ['c', 'd'], true), { ...before, c: { d: true } })
  assert.deepEqual(before, { a: [{ 'x/y': 1 }, { b: 2 }] })
  assert.equal(pointerOf(wayOf('/a~0b/c~1d')), '/a~0b/c~1d')
  assert.ok(isSame({ a: 1, b: [{}] }, { b: [{}], a: 1 }))
  assert.ok(!isSame({ a: undefined, b: [1] }, { b: [1, 2] }))
})
