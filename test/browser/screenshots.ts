/** `npm run screenshots`: every page, light, dark and on a narrow screen, to docs/images. */
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { repository } from '../end-to-end/server.ts'
import { browserFor } from './browser.ts'
import { manyStates, pagesOf, startSite } from './site.ts'

const folder = join(repository, 'docs/images')
/** As few colours as the page has: a picture takes a third of the room. */
const smaller = ['pngquant', '--force', '--ext', '.png', '--skip-if-larger']

const ways = {
  light: { viewport: { width: 1280, height: 800 }, colorScheme: 'light' },
  dark: { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' },
  narrow: { viewport: { width: 400, height: 800 }, colorScheme: 'light' },
} as const

test('pictures of all pages', async (t) => {
  const browser = await browserFor(t)
  if (browser === undefined) return
  mkdirSync(folder, { recursive: true })
  const site = await startSite()
  const pages = pagesOf(await manyStates(site))
  for (const [way, options] of Object.entries(ways)) {
    const context = await browser.newContext({ locale: 'en-GB', ...options })
    const page = await context.newPage()
    for (const [name, hash] of Object.entries(pages)) {
      await page.goto(`${site.server.client.origin}/${hash}`)
      await page.locator('main h1').first().waitFor()
      await page.locator('.starting').waitFor({ state: 'detached' })
      if (name === 'where') await page.getByText('present').first().waitFor()
      await page.screenshot({ path: join(folder, `${name}-${way}.png`) })
    }
    await context.close()
  }
  after(() => spawnSync('sh', ['-c', `command -v pngquant && ${smaller.join(' ')} ${folder}/*.png`]))
})
