/** The whole way of an agent, as an operator goes it with nothing but the page. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Locator } from 'playwright-core'
import { browserFor, Watched } from './browser.ts'
import { startSite } from './site.ts'

test('create an agent, replicate, see it arrive, blocked and mended, compare, apply, and take it back', async (t) => {
  const browser = await browserFor(t)
  if (browser === undefined) return
  const site = await startSite()
  const target = site.folder('publish')
  const opened = await Watched.open(browser, site.server.client.origin)
  const { page } = opened
  const button = (name: string): Locator => page.getByRole('button', { name, exact: true })
  const field = (pointer: string): Locator => page.locator(`[data-pointer="${pointer}"]`)

  await opened.go('')
  await page.getByRole('link', { name: 'New agent' }).click()
  await page.getByLabel('name required').fill('publish')
  await field('/source/kind').getByRole('combobox').selectOption('directory: A folder of files')
  await field('/source/path').getByRole('textbox').fill(site.source)
  await field('/targets/0/kind').getByRole('combobox').selectOption('directory: A folder of files')
  await field('/targets/0/path').getByRole('textbox').fill(target)
  await page.getByText('can be created').waitFor()
  await button('Create').click()
  await page.getByRole('heading', { level: 1, name: 'publish' }).waitFor()

  await button('Replicate…').click()
  await page.getByLabel('Paths, one a line').fill('/content')
  await button('Replicate').click()
  await page.getByRole('heading', { level: 1, name: 'replicate' }).waitFor()
  await page.getByRole('cell', { name: 'delivered' }).waitFor()
  await page.getByText('command.finished').waitFor()
  assert.equal(existsSync(join(target, 'content/news/page-8.json')), true)

  // The disk of the target is gone, and a file stands where its folder was.
  renameSync(target, `${target}-away`)
  writeFileSync(target, 'not a folder')
  await page.getByRole('link', { name: 'publish', exact: true }).click()
  await button('Replicate…').click()
  await page.getByLabel('Paths, one a line').fill('/content/news')
  await button('Replicate').click()
  await page.getByRole('cell', { name: 'retrying' }).waitFor()
  await page.getByRole('link', { name: 'Agents' }).click()
  const row = page.getByRole('listitem').filter({ has: page.getByRole('link', { name: 'publish', exact: true }) })
  const trouble = row.locator('.trouble')
  await trouble.waitFor()
  assert.match((await trouble.textContent()) ?? '', /default: .*folder.*after \d+ tr/)
  await row.getByRole('link', { name: 'publish', exact: true }).click()
  const why = page.getByRole('group', { name: 'Why default does not go on' })
  await why.waitFor()

  renameSync(target, `${target}-file`)
  renameSync(`${target}-away`, target)
  await why.getByRole('button', { name: 'Retry now' }).click()
  await why.waitFor({ state: 'detached' })
  await page.getByRole('region', { name: 'Queue default' }).getByText('empty', { exact: true }).waitFor()

  const before = readFileSync(join(target, 'content/news/page-1.json'), 'utf8')
  writeFileSync(join(site.source, 'content/news/page-1.json'), '{"title":"changed"}')
  writeFileSync(join(site.source, 'content/fresh.txt'), 'fresh')
  await page.getByRole('link', { name: 'Compare…' }).first().click()
  await button('Compare').click()
  await page.getByRole('checkbox', { name: '/content/fresh.txt', exact: true }).check()
  await page.locator('.plan[data-current="true"] [data-plan="written"]').getByText('2', { exact: true }).waitFor()
  await button('Apply…').click()
  await button('Apply').click()
  await page.waitForURL(/#\/commands\//)
  await page.getByRole('cell', { name: 'delivered' }).waitFor()
  assert.equal(readFileSync(join(target, 'content/news/page-1.json'), 'utf8'), '{"title":"changed"}')
  assert.equal(existsSync(join(target, 'content/fresh.txt')), true)

  await page.getByText('command.finished').waitFor()
  await button('Revert…').click()
  await button('Look at what would be undone').click()
  await page.getByText('Recreate resources').waitFor()
  await page.locator('.plan[data-current="true"] [data-plan="deleted"]').getByText('1', { exact: true }).waitFor()
  await button('Apply…').click()
  await page.getByRole('checkbox', { name: /may be deleted/ }).check()
  await button('Apply').click()
  await page.waitForURL(/#\/commands\//)
  await page.getByRole('cell', { name: 'delivered' }).waitFor()
  assert.equal(readFileSync(join(target, 'content/news/page-1.json'), 'utf8'), before)
  assert.equal(existsSync(join(target, 'content/fresh.txt')), false)

  await page.getByRole('link', { name: 'Where is my page?' }).click()
  await page.getByLabel('Path of the resource').fill('/content/news/page-1.json')
  await button('Look').click()
  await page.getByRole('cell', { name: 'present' }).waitFor()
  await opened.close()
})
