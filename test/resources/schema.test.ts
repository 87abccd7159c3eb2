import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { checkerOf, globSchema, pathSchema, sendable, textCheckerOf } from '../../src/resources/schema.ts'

const closed = { additionalProperties: false } as const
const pet = Type.Union([
  Type.Object({ kind: Type.Literal('cat'), lives: Type.Integer({ maximum: 9 }) }, closed),
  Type.Object({ kind: Type.Literal('dog'), tricks: Type.Array(Type.String()) }, closed),
])
const check = checkerOf(
  Type.Object(
    {
      name: Type.String({ minLength: 1, pattern: '^[a-z]*$' }),
      age: Type.Optional(Type.Integer({ minimum: 0 })),
      mood: Type.Optional(Type.Enum(['good', 'bad'])),
      pets: Type.Optional(Type.Array(pet)),
      'a/b~c': Type.Optional(Type.Boolean()),
      food: Type.Object({ perDay: Type.Integer({ default: 2 }) }, { ...closed, default: {} }),
    },
    closed,
  ),
)

test('every fault is reported, each with a pointer and a sentence', () => {
  assert.deepEqual(check({ age: -1, mood: 'odd', nmae: 'x', 'a/b~c': 1 }), [
    { pointer: '/name', message: 'is required' },
    { pointer: '/nmae', message: 'is not known here; known are name, age, mood, pets, a/b~c, food' },
    { pointer: '/age', message: 'must be at least 0, it is -1' },
    { pointer: '/mood', message: 'must be "good" or "bad", it is "odd"' },
    { pointer: '/a~1b~0c', message: 'must be true or false, it is 1' },
  ])
})

test('a value with two faults is one fault', () => {
  assert.deepEqual(check({ name: '' }).length, 1)
})

test('of a union, only the alternative that was meant is reported', () => {
  assert.deepEqual(check({ name: 'a', pets: [{ kind: 'cat', lives: 10, tricks: [] }] }), [
    { pointer: '/pets/0/tricks', message: 'is not known here; known are kind, lives' },
    { pointer: '/pets/0/lives', message: 'must be at most 9, it is 10' },
  ])
})

test('a tag that no alternative has is reported with those that there are', () => {
  assert.deepEqual(check({ name: 'a', pets: [{ kind: 'fish' }] }), [
    { pointer: '/pets/0/kind', message: 'must be "cat" or "dog", it is "fish"' },
  ])
})

test('absent settings get their defaults, nested ones too', () => {
  const value = { name: 'a' }
  assert.deepEqual(check(value), [])
  assert.deepEqual(value, { name: 'a', food: { perDay: 2 } })
})

test('a body is not converted, a query is', () => {
  const schema = Type.Object({ limit: Type.Integer(), deep: Type.Boolean(), path: Type.Array(Type.String()) }, closed)
  assert.equal(checkerOf(schema)({ limit: '5', deep: 'true', path: '/a' }).length, 3)
  const query = { limit: '5', deep: 'true', path: '/a' }
  assert.deepEqual(textCheckerOf(schema)(query), [])
  assert.deepEqual(query, { limit: 5, deep: true, path: ['/a'] })
  assert.deepEqual(textCheckerOf(schema)({ limit: ['5', '6'], deep: 'yes', path: '/a' }), [
    { pointer: '/limit', message: 'must be a whole number' },
    { pointer: '/deep', message: 'must be true or false, it is "yes"' },
  ])
})

test('paths and globs say what is wrong with them', () => {
  const own = checkerOf(Type.Object({ path: pathSchema, glob: globSchema }))
  assert.deepEqual(own({ path: '/a/../b', glob: 'x' }), [
    { pointer: '/path', message: 'has a segment ..' },
    { pointer: '/glob', message: 'must begin with a slash' },
  ])
})

test('of many faults a hundred are reported, and of a document that is nothing but faults, one', () => {
  const cows = (count: number): object[] => Array.from({ length: count }, () => ({ kind: 'cow' }))
  assert.equal(checkerOf(Type.Array(pet))(cows(1000)).length, 100)
  assert.deepEqual(checkerOf(Type.Array(pet))(cows(100_000)), [
    { pointer: '/0', message: 'is none of the alternatives' },
  ])
})

test('what has a default need not be sent', () => {
  const schema = Type.Object({ a: Type.Integer({ default: 1 }), b: Type.Integer() })
  assert.deepEqual(sendable(schema)['required' as never], ['b'])
})
