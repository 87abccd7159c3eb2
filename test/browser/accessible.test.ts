import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browserFor, violations, Watched } from './browser.ts'
import { manyStates, pagesOf, startSite } from './site.ts'

const site = await startSite()
const pages = pagesOf(await manyStates(site))

for (const scheme of ['light', 'dark'] as const)
  test(`axe-core finds no violation on any page, ${scheme}`, async (t) => {
    const browser = await browserFor(t)
    if (browser === undefined) return
    const opened = await Watched.open(browser, site.server.client.origin, { colorScheme: scheme })
    for (const [name, hash] of Object.entries(pages))
      await t.test(name, async () => {
        await opened.go(hash)
        await opened.page.locator('main h1').first().waitFor()
        await opened.page.waitForLoadState('load')
        await opened.page.locator('.starting').waitFor({ state: 'detached' })
        assert.deepEqual(await violations(opened.page), [])
      })
    await opened.close()
  })

for (const [what, width, height] of [
  ['at 400 pixels', 400, 800],
  ['at 4K', 3840, 2160],
] as const)
  test(`no page scrolls sideways ${what}`, async (t) => {
    const browser = await browserFor(t)
    if (browser === undefined) return
    const opened = await Watched.open(browser, site.server.client.origin, { viewport: { width, height } })
    for (const [name, hash] of Object.entries(pages)) {
      await opened.go(hash)
      await opened.page.locator('main h1').first().waitFor()
      await opened.page.locator('.starting').waitFor({ state: 'detached' })
      const wide = await opened.page.evaluate('document.documentElement.scrollWidth - innerWidth')
      assert.equal(wide, 0, `${name} is ${String(wide)} pixels too wide`)
    }
    await opened.close()
  })

test('by keyboard alone one finds an agent, opens it, and retries its blocked head', async (t) => {
  const browser = await browserFor(t)
  if (browser === undefined) return
  const opened = await Watched.open(browser, site.server.client.origin)
  const { page } = opened
  await opened.go('')
  await page.getByRole('link', { name: 'gone', exact: true }).waitFor()
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  assert.equal(await page.evaluate('document.activeElement.id'), 'content')
  await tabTo('gone')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: 'gone' }).waitFor()
  await tabTo('Retry now')
  await page.keyboard.press('Enter')
  await page.getByText('It is tried now.').waitFor()
  await opened.close()

  async function tabTo(text: string): Promise<void> {
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press('Tab')
      if ((await page.evaluate('document.activeElement.textContent')) === text) return
    }
    assert.fail(`the keyboard does not reach ${text}`)
  }
})
