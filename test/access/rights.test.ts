import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anonymous, Caller, rights, type Grant } from '../../src/access/rights.ts'
import { Tries } from '../../src/access/tries.ts'

function caller(...grants: Grant[]): Caller {
  return new Caller({ id: 'x', name: 'x', grants })
}

test('every right implies read of the same agents and no other right, save admin, which implies all', () => {
  for (const right of rights) {
    const one = caller({ agents: ['a'], can: [right] })
    for (const other of rights)
      assert.equal(one.may(other, 'a'), other === right || other === 'read' || right === 'admin', `${right} ${other}`)
    assert.equal(one.sees('b'), false)
  }
})

test('patterns are of whole names, and match nothing by accident', () => {
  const one = caller({ agents: ['publish*', 'a?c'], can: ['replicate'] })
  for (const name of ['publish', 'publish1', 'publish.x', 'abc']) assert.ok(one.may('replicate', name), name)
  for (const name of ['xpublish', 'Publish1', 'ac', 'abbc', 'publis']) assert.ok(!one.may('replicate', name), name)
})

test('all agents are only those that * stands for', () => {
  assert.ok(anonymous.mayAll('admin'))
  assert.ok(caller({ agents: ['x', '*'], can: ['read'] }).mayAll('read'))
  assert.ok(!caller({ agents: ['a*'], can: ['admin'] }).mayAll('read'))
  assert.ok(caller({ agents: ['a*'], can: ['admin'] }).maySome('configure'))
  assert.ok(!caller().maySome('read'))
})

test('rights of one grant are not those of another', () => {
  const one = caller({ agents: ['a'], can: ['replicate'] }, { agents: ['b'], can: ['operate'] })
  assert.equal(one.objection('replicate', 'a'), undefined)
  assert.equal(one.objection('replicate', 'b')?.code, 'forbidden')
  assert.equal(one.objection('replicate', 'c')?.code, 'missing')
})

test('wrong tokens are counted by address and second, IPv6 by its network, in a table that does not grow', () => {
  const tries = new Tries(3)
  for (let i = 0; i < 3; i++) tries.add('10.0.0.1', 1000)
  assert.ok(tries.areTooMany('10.0.0.1', 1500))
  assert.ok(!tries.areTooMany('10.0.0.1', 2000))
  for (let i = 0; i < 3; i++) tries.add(`2001:db8::${i}`, 1000)
  assert.ok(tries.areTooMany('2001:db8:0:0:ffff::1', 1000))
  assert.ok(!tries.areTooMany('2001:db8:0:0:ffff::1', 3000))
})
