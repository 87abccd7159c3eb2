import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browserFor, Watched } from './browser.ts'
import { putAgent, replicate, startSite } from './site.ts'

test('what happens is seen without reloading, and again after the server was away', async (t) => {
  const browser = await browserFor(t)
  if (browser === undefined) return
  const site = await startSite()
  const opened = await Watched.open(browser, site.server.client.origin)
  const { page } = opened
  await opened.go('')
  await page.getByText('There is no agent yet').waitFor()
  const config = { source: { kind: 'directory', path: site.source }, passive: ['dmz'] }
  await putAgent(site, 'first', config)
  const row = page.getByRole('listitem').filter({ has: page.getByRole('link', { name: 'first', exact: true }) })
  await row.waitFor()
  await replicate(site, 'first', ['/content'], 0)
  await row.getByTitle('1 in queue dmz').waitFor()

  opened.expect(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|503/)
  await site.server.crash()
  await page.getByText('Not live').waitFor()
  await site.server.launch()
  await page.getByRole('status').getByText('Live', { exact: true }).waitFor()
  await replicate(site, 'first', ['/content/news'], 0)
  await row.getByTitle('2 in queue dmz').waitFor()
  await opened.close()
})

test('the page comes in less than 200 KB, and with a policy that admits nothing from elsewhere', async (t) => {
  const browser = await browserFor(t)
  if (browser === undefined) return
  const site = await startSite()
  const opened = await Watched.open(browser, site.server.client.origin)
  await opened.go('')
  await opened.page.getByText('There is no agent yet').waitFor()
  for (const name of ['commands', 'comparisons', 'where', 'new', 'agents/none']) {
    opened.expect(/404/)
    await opened.go(`#/${name}`)
    await opened.page.locator('main :is(h1, .failure)').first().waitFor()
  }
  t.diagnostic(`all pages together: ${opened.transferred} bytes`)
  assert.ok(opened.transferred < 200_000, `${opened.transferred} bytes`)
  const { headers } = await site.server.client.fetch('GET', '/')
  const policy = headers.get('content-security-policy') ?? ''
  assert.match(policy, /default-src 'none'/)
  assert.doesNotMatch(policy, /unsafe|https?:|\*/)
  await opened.close()
})
