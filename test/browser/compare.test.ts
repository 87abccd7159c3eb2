/** Looking, ticking, the plan, applying and what can come between, as somebody does it in a browser. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { Page } from 'playwright-core'
import { browserFor, violations, Watched } from './browser.ts'
import { putAgent, replicate, startSite } from './site.ts'

const site = await startSite()
let made = 0

/** An agent whose two sides have gone apart in each way, and the page that compares them. */
async function given(t: TestContext, more: object = {}, options: object = {}) {
  const browser = await browserFor(t)
  if (browser === undefined) return undefined
  const name = `pair-${++made}`
  const [source, target] = [site.folder(`${name}-source`), site.folder(`${name}-target`)]
  const write = (side: string, file: string, value: unknown): void =>
    writeFileSync(join(side, file), typeof value === 'string' ? value : JSON.stringify(value))
  for (const file of ['both.json', 'conflict.json', 'merge.json', 'same.json'])
    write(source, file, { title: file, text: 'old', tags: [1] })
  const place = { kind: 'directory' }
  await putAgent(site, name, {
    ...{ source: { ...place, path: source }, targets: [{ ...place, name: 'copy', path: target }] },
    ...{ deletes: { maxPercent: 100, maxCount: 10 }, ...more },
  })
  await replicate(site, name, ['/'])
  write(source, 'both.json', { title: 'new', text: 'new', tags: [1] })
  write(source, 'conflict.json', { title: 'of the source', text: 'old', tags: [1] })
  write(target, 'conflict.json', { title: 'of the target', text: 'old', tags: [1] })
  write(source, 'merge.json', { title: 'of the source', text: 'old', tags: [1] })
  write(target, 'merge.json', { title: 'merge.json', text: 'of the target', tags: [1] })
  write(source, 'fresh.txt', 'fresh')
  write(target, 'own.txt', 'own')
  const opened = await Watched.open(browser, site.server.client.origin, options)
  await opened.go(`#/comparisons?agent=${name}&target=copy`)
  await opened.page.getByRole('button', { name: 'Compare', exact: true }).click()
  await opened.page.getByRole('heading', { name: `${name} → copy` }).waitFor()
  return { opened, page: opened.page, source, target }
}

/** The three numbers, once they are those of the present ticks. */
async function plan(page: Page, written: number, deleted: number, left: number): Promise<void> {
  const numbers = page.locator('.plan[data-current="true"]')
  for (const [name, wanted] of Object.entries({ written, deleted, 'left alone': left }))
    await numbers.locator(`[data-plan="${name}"]`).getByText(String(wanted), { exact: true }).waitFor()
}

const tick = (page: Page, path: string) => page.getByRole('checkbox', { name: path, exact: true })

test('what is ticked is what the plan counts, and what is applied', async (t) => {
  const at = await given(t)
  if (at === undefined) return
  const { page, opened, target } = at
  await plan(page, 2, 0, 4)
  assert.deepEqual(await violations(page), [])
  assert.equal(await tick(page, '/both.json').isChecked(), true)
  assert.equal(await tick(page, '/fresh.txt').isChecked(), false)
  await tick(page, '/fresh.txt').check()
  await plan(page, 3, 0, 3)
  await tick(page, '/own.txt').check()
  await plan(page, 3, 1, 2)
  await page.getByRole('row', { name: /conflict\.json/ }).click()
  await page.getByRole('radio', { name: 'The source wins' }).check()
  await plan(page, 4, 1, 1)
  await page.getByRole('button', { name: 'Apply…' }).click()
  assert.deepEqual(await violations(page), [])
  await page.getByRole('button', { name: 'Apply', exact: true }).click()
  // The browser asks for the consent that is missing; nothing has been sent.
  assert.equal(existsSync(join(target, 'own.txt')), true)
  await page.getByRole('checkbox', { name: /1 resource may be deleted/ }).check()
  await page.getByRole('button', { name: 'Apply', exact: true }).click()
  await page.waitForURL(/#\/commands\//)
  await page.getByText('succeeded').first().waitFor()
  assert.equal(existsSync(join(target, 'own.txt')), false)
  assert.equal(readFileSync(join(target, 'fresh.txt'), 'utf8'), 'fresh')
  const read = (file: string): unknown => JSON.parse(readFileSync(join(target, file), 'utf8'))
  assert.deepEqual(read('conflict.json'), { title: 'of the source', text: 'old', tags: [1] })
  assert.deepEqual(read('merge.json'), { title: 'of the source', text: 'of the target', tags: [1] })
  await opened.close()
})

test('of a resource some parts can be taken, and the others stay', async (t) => {
  const at = await given(t)
  if (at === undefined) return
  const { page, opened, target } = at
  await page.getByRole('button', { name: 'none', exact: true }).click()
  await plan(page, 0, 0, 6)
  await page.getByRole('row', { name: /both\.json/ }).click()
  await page.getByRole('checkbox', { name: /^\/title/ }).check()
  await plan(page, 1, 0, 5)
  await page.locator('[data-path="/both.json"] input[aria-label]:indeterminate').waitFor()
  await page.getByRole('button', { name: 'Apply…' }).click()
  await page.getByRole('button', { name: 'Apply', exact: true }).click()
  await page.getByText('succeeded').first().waitFor()
  const written: unknown = JSON.parse(readFileSync(join(target, 'both.json'), 'utf8'))
  assert.deepEqual(written, { title: 'new', text: 'old', tags: [1] })
  await opened.close()
})

test('by keyboard alone one moves through the rows, ticks, resolves and opens', async (t) => {
  const at = await given(t)
  if (at === undefined) return
  const { page, opened } = at
  await plan(page, 2, 0, 4)
  const grid = page.getByRole('grid', { name: 'Recreate resources' })
  await grid.focus()
  await page.keyboard.press('Home')
  await page.keyboard.press('Space')
  await plan(page, 1, 0, 5)
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Space')
  await plan(page, 2, 0, 4)
  await page.getByRole('button', { name: 'source: who wins of /conflict.json' }).waitFor()
  await page.keyboard.press('End')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: '/merge.json' }).waitFor()
  await opened.close()
})

test('who has moved meanwhile makes it a refusal, and one compares again from there', async (t) => {
  const at = await given(t)
  if (at === undefined) return
  const { page, opened, source } = at
  await plan(page, 2, 0, 4)
  const before = page.url()
  writeFileSync(join(source, 'fresh.txt'), 'changed since')
  opened.expect(/status of 409/)
  await page.getByRole('button', { name: 'Apply…' }).click()
  await page.getByRole('button', { name: 'Apply', exact: true }).click()
  await page.getByText('the source has changed since it was compared').waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Compare again' }).click()
  await page.waitForURL((url) => url.href !== before)
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await plan(page, 2, 0, 4)
  await opened.close()
})

test('more deletions than the guard admits want a reason, and an agent with approval says so', async (t) => {
  const at = await given(t, { deletes: { maxPercent: 0, maxCount: 0 }, approval: true })
  if (at === undefined) return
  const { page, opened } = at
  await tick(page, '/own.txt').check()
  await plan(page, 2, 1, 3)
  await page.getByRole('button', { name: 'Apply…' }).click()
  await page.getByText('somebody else has approved it').waitFor()
  await page.getByRole('checkbox', { name: /1 resource may be deleted/ }).check()
  await page.getByLabel('Why so much may be deleted').fill('it was agreed')
  await page.getByRole('button', { name: 'Apply', exact: true }).click()
  await page.waitForURL(/#\/commands\//)
  await opened.close()
})

test('details are a dialog where there is no room beside the lists, and nothing is wider than the screen', async (t) => {
  const at = await given(t, {}, { viewport: { width: 400, height: 800 }, colorScheme: 'dark' })
  if (at === undefined) return
  const { page, opened } = at
  await page.getByRole('row', { name: /conflict\.json/ }).click()
  await page.getByRole('dialog').getByText('of the target').first().waitFor()
  assert.equal(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), 0)
  assert.deepEqual(await violations(page), [])
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await opened.close()
})

test('a comparison that is gone says so and leads on', async (t) => {
  const browser = await browserFor(t)
  if (browser === undefined) return
  const opened = await Watched.open(browser, site.server.client.origin)
  opened.expect(/status of 404/)
  await opened.go('#/comparisons/01ARZ3NDEKTSV4RRFFQ69G5FAV')
  await opened.page.getByRole('heading', { name: 'This comparison is gone' }).waitFor()
  await opened.page.getByRole('link', { name: 'Compare anew' }).click()
  await opened.page.getByRole('heading', { name: 'Compare', exact: true }).waitFor()
  await opened.close()
})
