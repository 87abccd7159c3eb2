import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Locator, Page } from 'playwright-core'
import { browserFor, violations, Watched } from './browser.ts'
import { putAgent, startSite, type Site } from './site.ts'

const config = async (site: Site, name: string): Promise<Record<string, unknown>> =>
  (await site.server.client.call<Record<string, unknown>>('GET', `/replication/config/${name}`)).body

/** The row or group of a field. */
const field = (page: Page, pointer: string): Locator => page.locator(`[data-pointer="${pointer}"]`)
const dialogButton = (page: Page, name: string): Locator =>
  page.getByRole('dialog').getByRole('button', { name, exact: true })

test('an agent is made, changed, put back and deleted with the form', async (t) => {
  const browser = await browserFor(t)
  if (browser === undefined) return
  const site = await startSite()
  const opened = await Watched.open(browser, site.server.client.origin)
  const { page } = opened
  await opened.go('#/new')
  await page.getByLabel('name required').fill('made')
  await field(page, '/source/kind').getByRole('combobox').selectOption('directory: A folder of files')
  await field(page, '/targets/0/kind').getByRole('combobox').selectOption('directory: A folder of files')
  await page.getByRole('button', { name: 'Create' }).click()
  await field(page, '/source/path').getByText('is required').waitFor()
  assert.equal(await field(page, '/source/path').getByRole('textbox').getAttribute('aria-invalid'), 'true')
  assert.deepEqual(await violations(page), [])
  await field(page, '/source/path').getByRole('textbox').fill(site.source)
  await field(page, '/targets/0/path').getByRole('textbox').fill(site.folder('made'))
  await page.getByText('can be created').waitFor()
  await page.getByRole('button', { name: 'Create' }).click()
  await page.getByRole('heading', { level: 1, name: 'made' }).waitFor()
  assert.equal((await config(site, 'made'))['name'], 'made')

  await page.getByRole('link', { name: 'Config' }).click()
  await field(page, '/title').getByRole('textbox').fill('Made by hand')
  await page.getByRole('button', { name: 'Review and save…' }).click()
  const row = page.getByRole('dialog').getByRole('row', { name: '/title' })
  assert.match((await row.textContent()) ?? '', /not set.*Made by hand/)
  assert.deepEqual(await violations(page), [])
  await dialogButton(page, 'Save').click()
  await page.getByText('as stored').waitFor()
  assert.equal((await config(site, 'made'))['title'], 'Made by hand')

  await page.getByRole('button', { name: 'Revisions' }).click()
  await page.locator('[data-revision="1"] summary').click()
  await page.getByRole('button', { name: 'Compare with now, restore…' }).click()
  await dialogButton(page, 'Restore').click()
  await page.locator('[data-revision="3"]').getByText('restored from 1').waitFor()
  assert.equal((await config(site, 'made'))['title'], undefined)

  await page.getByRole('button', { name: 'Delete…' }).click()
  assert.equal(await dialogButton(page, 'Delete').isDisabled(), true)
  await page.getByRole('dialog').getByRole('textbox').fill('made')
  await dialogButton(page, 'Delete').click()
  opened.expect(/404/)
  await page.getByText('There is no agent yet').waitFor()
  await opened.close()
})

test('what somebody else has saved meanwhile is not overwritten, and what I typed is kept', async (t) => {
  const browser = await browserFor(t)
  if (browser === undefined) return
  const site = await startSite()
  const targets = [{ name: 'far', kind: 'remote', url: 'http://127.0.0.1:9', agent: 'in', token: 'not told' }]
  await putAgent(site, 'both', { title: 'one', targets })
  const opened = await Watched.open(browser, site.server.client.origin)
  const { page } = opened
  await opened.go('#/agents/both/config')
  await field(page, '/title').getByRole('textbox').fill('mine')
  await page.getByText('1 change, not saved').waitFor()
  await putAgent(site, 'both', { title: 'one', description: 'theirs', targets })
  await page.getByRole('button', { name: 'Read it again, keep my changes' }).click()
  await page.getByText('1 change, not saved').waitFor()
  assert.equal(await field(page, '/description').getByRole('textbox').inputValue(), 'theirs')
  await page.getByRole('button', { name: 'Review and save…' }).click()
  await dialogButton(page, 'Save').click()
  await page.getByText('as stored').waitFor()
  const { title, description, targets: stored } = await config(site, 'both')
  assert.deepEqual([title, description], ['mine', 'theirs'])
  assert.deepEqual((stored as { token: unknown }[])[0]?.token, { secret: 'set' })
  await opened.close()
})
