import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, type TestContext } from 'node:test'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'
import { skipWithout } from '../interop/program.ts'

const names = ['chromium', 'chromium-browser', 'google-chrome']
const wayOut = 'install Debian’s chromium'

let browser: Promise<Browser> | undefined
after(async () => (await browser)?.close())

/** The browser of the machine, one for all tests of a file; undefined, and said loudly, where there is none. */
export async function browserFor(t: TestContext): Promise<Browser | undefined> {
  const path = names.map(pathOf).find((found) => found !== '')
  if (path === undefined) {
    skipWithout(t, 'chromium', wayOut)
    return undefined
  }
  // Root has no sandbox.
  browser ??= chromium.launch({ executablePath: path, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] })
  return browser
}

function pathOf(name: string): string {
  return spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim()
}

/** A page of the dashboard, and what must never happen in one. */
export class Watched {
  readonly page: Page
  readonly origin: string
  /** Bytes of bodies as they came over the wire. */
  transferred = 0
  readonly #faults: string[] = []
  readonly #expected: RegExp[] = []

  private constructor(page: Page, origin: string) {
    this.page = page
    this.origin = origin
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.#faults.push(`console: ${message.text()}`)
    })
    page.on('pageerror', (error) => this.#faults.push(`error: ${error.stack ?? error.message}`))
    page.on('request', (request) => {
      if (new URL(request.url()).origin !== origin) this.#faults.push(`request to ${request.url()}`)
    })
    page.on('requestfinished', (request) => {
      void request.sizes().then(
        ({ responseBodySize }) => (this.transferred += responseBodySize),
        () => undefined,
      )
    })
  }

  static async open(browser: Browser, origin: string, options: BrowserContextOptions = {}): Promise<Watched> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-GB', ...options })
    const page = await context.newPage()
    page.setDefaultTimeout(20_000)
    return new Watched(page, origin)
  }

  async go(hash: string): Promise<void> {
    await this.page.goto(`${this.origin}/${hash}`)
  }

  /** A refusal that the test brings about is no fault of the page; the browser writes a line about each. */
  expect(fault: RegExp): void {
    this.#expected.push(fault)
  }

  /** Nothing was said to the console, and nobody else was asked for anything. */
  async close(): Promise<void> {
    await this.page.context().close()
    const faults = this.#faults.filter((fault) => !this.#expected.some((expected) => expected.test(fault)))
    assert.deepEqual(faults, [])
  }
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8')

interface Violation {
  readonly id: string
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[]
}

/** What axe-core finds wrong with the page as it is now. */
export async function violations(page: Page): Promise<string[]> {
  // The page's own policy forbids scripts from elsewhere, so that it comes by the debugger's way, which no policy binds.
  await page.evaluate(`${axe}; undefined`)
  const found = await page.evaluate<readonly Violation[]>(
    `axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations)`,
  )
  return found.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`))
}
