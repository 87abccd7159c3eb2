import assert from 'node:assert/strict'
import { copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { keyId, sealsFrom } from '../../src/packages/signatures.ts'
import { writePackage } from '../../src/packages/write.ts'
import { changesOf, headerOf, never, origin, temporaryFolder } from '../packages/trees.ts'
import { trebuchet } from './program.ts'

const folder = await temporaryFolder()
const at = (name: string): string => join(folder, name)
let id = ''

before(async () => {
  const created = await trebuchet(folder, ['key', 'create', at('private.pem')])
  assert.equal(created.code, 0, created.stderr)
  const [first = '', ...publicPem] = created.stdout.split('\n')
  id = first
  writeFileSync(at('public.pem'), publicPem.join('\n'))
  const { signing } = sealsFrom(readFileSync(at('private.pem'), 'utf8'), undefined)
  const tree = { '/content/a.txt': 'hello' }
  await writePackage(headerOf('/'), changesOf(tree), { file: at('signed.zip'), origin, signing, signal: never })
  await writePackage(headerOf('/'), changesOf(tree), { file: at('plain.zip'), origin, signal: never })
})

test('a key that was made is for its owner’s eyes, is never written over, and has one id in both halves', async () => {
  assert.equal(statSync(at('private.pem')).mode & 0o777, 0o600)
  const [again, own, other] = await Promise.all([
    trebuchet(folder, ['key', 'create', at('private.pem')]),
    trebuchet(folder, ['key', 'id', at('private.pem')]),
    trebuchet(folder, ['key', 'id', at('public.pem')]),
  ])
  assert.equal(again.code, 1)
  assert.deepEqual([own.stdout, other.stdout], [`${id}\n`, `${id}\n`])
  const [key] = sealsFrom(readFileSync(at('private.pem'), 'utf8'), undefined).signing
  assert.equal(key && keyId(key), id)
})

test('a package in a file is verified whole, with the signatures that are asked for', async () => {
  copyFileSync(at('signed.zip'), at('changed.zip'))
  const bytes = readFileSync(at('changed.zip'))
  bytes.write('j', bytes.indexOf('hello'))
  writeFileSync(at('changed.zip'), bytes)
  const verify = (...args: string[]) => trebuchet(folder, ['package', 'verify', ...args])
  const [good, bare, unsigned, changed, none] = await Promise.all([
    verify(at('signed.zip'), '--key', at('public.pem')),
    verify(at('signed.zip')),
    verify(at('plain.zip'), '--key', at('public.pem')),
    verify(at('changed.zip'), '--key', at('public.pem')),
    verify(at('none.zip')),
  ])
  assert.equal(good.code, 0, good.stderr)
  assert.match(good.stdout, new RegExp(`^sha256-[0-9a-f]{64}\nentries 1\nbytes 5\nsignature ${id} valid\n$`))
  assert.match(bare.stdout, new RegExp(`signature ${id} unknown\n$`))
  assert.deepEqual([bare.code, unsigned.code, changed.code, none.code], [0, 1, 1, 1])
  assert.match(unsigned.stderr, new RegExp(`lacks a signature of ${id}`))
  assert.match(changed.stderr, /content is not that of its digest|checksum/)
})
