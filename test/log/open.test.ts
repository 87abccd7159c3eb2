import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keepSecret, withoutSecrets } from '../../src/known-secrets.ts'
import { openLog } from '../../src/log/open.ts'

function given(): { log: ReturnType<typeof openLog>; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = []
  const write = (line: string): void => void lines.push(JSON.parse(line) as Record<string, unknown>)
  return { log: openLog('trace', { write }), lines }
}

test('secrets are taken out of lines, wherever they stand in addresses, headers and facts', () => {
  const { log, lines } = given()
  log.info({ url: 'redis://user:pa55@host:6379/0' }, 'see https://u:p%40@host/x?a=1&access_token=t0ken&b=2')
  log.info(
    { headers: { authorization: 'Bearer abcdefgh', cookie: 'a=b', accept: '*/*' }, token: 'x' },
    'Basic dXNlcjpwYXNz',
  )
  log.info({ key: 'whsec_c2VjcmV0' }, 'plain words stay: a token, a key and a basis')
  assert.deepEqual(lines[0]?.['url'], 'redis://***@host:6379/0')
  assert.equal(lines[0]?.['msg'], 'see https://***@host/x?a=1&access_token=***&b=2')
  assert.deepEqual(lines[1]?.['headers'], { authorization: '***', cookie: '***', accept: '*/*' })
  assert.deepEqual([lines[1]?.['token'], lines[1]?.['msg']], ['***', 'Basic ***'])
  assert.deepEqual(
    [lines[2]?.['key'], lines[2]?.['msg']],
    ['whsec_***', 'plain words stay: a token, a key and a basis'],
  )
})

test('a secret that is known is told by no line, as it is, in an address or in JSON', () => {
  const { log, lines } = given()
  const secret = 'a "q/uoted" one'
  keepSecret(secret)
  keepSecret('short')
  log.warn({ text: `it was ${secret}`, url: `/x/${encodeURIComponent(secret)}` }, 'short')
  assert.deepEqual([lines[0]?.['text'], lines[0]?.['url'], lines[0]?.['msg']], ['it was ***', '/x/***', 'short'])
  keepSecret(`${secret} and more`)
  assert.equal(withoutSecrets(`${secret} and more, ${secret}`), '***, ***')
})

test('of an error and its causes only what says what went wrong is logged', () => {
  const { log, lines } = given()
  const cause = Object.assign(new Error('refused'), {
    code: 'ECONNREFUSED',
    command: { name: 'AUTH', args: ['pa55word'] },
  })
  const error = Object.assign(new TypeError('it failed', { cause }), { request: { headers: { 'x-own': 'pa55word' } } })
  cause.cause = error
  log.error({ err: error }, 'failed')
  const err = lines[0]?.['err'] as { type: string; message: string; cause: { code: string; message: string } }
  assert.deepEqual(
    [err.type, err.message, err.cause.code, err.cause.message],
    [...['TypeError', 'it failed', 'ECONNREFUSED', 'refused']],
  )
  assert.doesNotMatch(JSON.stringify(lines), /pa55word/)
  log.error({ err: 'no error' }, 'failed')
  assert.deepEqual(lines[1]?.['err'], { type: 'string', message: 'no error' })
})
