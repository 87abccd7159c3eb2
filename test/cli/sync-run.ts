/** `trebuchet sync` in a folder of its own. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { Program, trebuchet, type Outcome } from './program.ts'

type Given = { readonly input?: string | Buffer; readonly env?: Readonly<Record<string, string>> }

export class SyncRun {
  readonly folder: string
  /** Where it keeps what it has read; there must be nothing in it afterwards. */
  readonly temporary: string

  constructor(t: TestContext) {
    this.folder = mkdtempSync(join(tmpdir(), 'sync.'))
    this.temporary = join(this.folder, '.tmp')
    mkdirSync(this.temporary)
    t.after(() => rmSync(this.folder, { recursive: true, force: true }))
  }

  async run(args: readonly string[], { input = '', env = {} }: Given = {}): Promise<Outcome> {
    const outcome = await trebuchet(this.folder, ['sync', ...args], { input, env: { TMPDIR: this.temporary, ...env } })
    assert.deepEqual(readdirSync(this.temporary), [], `sync ${args.join(' ')} left temporary files`)
    return outcome
  }

  begin(args: readonly string[]): Program {
    return new Program(this.folder, ['sync', ...args], { TMPDIR: this.temporary })
  }

  /** It must end with this code; answers what it said to people. */
  async says(code: number, ...args: readonly string[]): Promise<string> {
    return (await this.ends(code, ...args)).stderr
  }

  async prints(code: number, ...args: readonly string[]): Promise<string> {
    return (await this.ends(code, ...args)).stdout
  }

  async ends(code: number, ...args: readonly string[]): Promise<Outcome> {
    const outcome = await this.run(args)
    assert.equal(outcome.code, code, `sync ${args.join(' ')}: ${outcome.stderr}${outcome.stdout}`)
    return outcome
  }

  write(file: string, text: string): void {
    const path = join(this.folder, file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }

  read(file: string): string {
    return readFileSync(join(this.folder, file), 'utf8')
  }

  /** All files below a folder, with what is in them; nothing of ours may be left among them. */
  tree(folder = '.'): Record<string, string> {
    const names = readdirSync(join(this.folder, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(join(this.folder, folder).length + 1))
    return Object.fromEntries(names.toSorted().map((name) => [name, this.read(join(folder, name))]))
  }
}

/** Documents of HAL as YAML: `foo/1` and what else is in it. */
export function documents(all: Readonly<Record<string, Readonly<Record<string, unknown>>>>): string {
  return Object.entries(all)
    .map(([name, more]) => {
      const id = name.slice(name.indexOf('/') + 1)
      return `---\n${JSON.stringify({ id, ...more, _links: { self: { href: `/api/${name}` } } })}\n`
    })
    .join('')
}
