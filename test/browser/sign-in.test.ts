import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Server } from '../end-to-end/server.ts'
import { browserFor, violations, Watched } from './browser.ts'

const adminToken = 'an-admin-token-of-tests'
const server = await Server.prepare({ env: { ADMIN_TOKEN: adminToken, LOG_LEVEL: 'warn' } })
server.client.token = adminToken
await server.launch()

test('the page asks for a token, keeps it from scripts, and forgets who has signed out', async (t) => {
  const browser = await browserFor(t)
  if (browser === undefined) return
  const opened = await Watched.open(browser, server.client.origin)
  const { page } = opened
  opened.expect(/401/)
  await opened.go('')
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  assert.deepEqual(await violations(page), [])
  await page.getByLabel('Token').fill('trb_wrong')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByText('the token is wrong, expired or revoked').waitFor()
  await page.getByLabel('Token').fill(adminToken)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByText('There is no agent yet').waitFor()
  await page.getByRole('status').getByText('Live', { exact: true }).waitFor()
  assert.equal(await page.evaluate('document.cookie'), '')
  const [cookie] = await page.context().cookies()
  assert.equal(cookie?.httpOnly, true)
  assert.equal(cookie?.sameSite, 'Strict')
  assert.doesNotMatch(JSON.stringify(await page.context().storageState()), new RegExp(adminToken))
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await page.reload()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await opened.close()
})

test('a token that is revoked takes its sessions with it', async (t) => {
  const browser = await browserFor(t)
  if (browser === undefined) return
  const json = { name: 'watcher', rights: [{ agents: ['*'], can: ['read'] }] }
  const { body } = await server.client.post<{ id: string; secret: string }>('/tokens', { json })
  const opened = await Watched.open(browser, server.client.origin)
  const { page } = opened
  // Its event stream is cut off, and what it asks for then is refused.
  opened.expect(/401|ERR_INCOMPLETE_CHUNKED_ENCODING/)
  await opened.go('')
  await page.getByLabel('Token').fill(body.secret)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByText('watcher').waitFor()
  await server.client.call('DELETE', `/replication/tokens/${body.id}`)
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await opened.close()
})
