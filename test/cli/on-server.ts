/** The command line against a real server. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { scratch, Server, type Start } from '../end-to-end/server.ts'
import { Program, trebuchet, type Outcome } from './program.ts'

type Given = { readonly input?: string | Buffer; readonly env?: Readonly<Record<string, string>> }

export class OnServer {
  readonly server: Server
  readonly folder: string

  private constructor(server: Server, folder: string) {
    this.server = server
    this.folder = folder
  }

  /** A server with the agent `site`, whose source is the folder `source` and whose target is `target`. */
  static async start(start: Start = {}): Promise<OnServer> {
    const folder = scratch()
    const given = new OnServer(await Server.start(start), folder)
    given.write('source/content/a.txt', 'a')
    await given.server.client.agent({
      name: 'site',
      source: { kind: 'directory', path: join(folder, 'source') },
      targets: [{ name: 'here', kind: 'directory', path: join(folder, 'target') }],
    })
    return given
  }

  run(args: readonly string[], { input = '', env = {} }: Given = {}): Promise<Outcome> {
    return trebuchet(this.folder, args, { input, env: { ...this.env, ...env } })
  }

  /** Not waiting for its end. */
  begin(args: readonly string[]): Program {
    return new Program(this.folder, args, this.env)
  }

  /** It must end with this code; answers what it printed. */
  async says(code: number, ...args: readonly string[]): Promise<string> {
    const outcome = await this.run(args)
    assert.equal(outcome.code, code, `${args.join(' ')}: ${outcome.stderr}${outcome.stdout}`)
    return outcome.stdout
  }

  write(file: string, text: string): void {
    const path = join(this.folder, file)
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, text)
  }

  get env(): Record<string, string> {
    return { TREBUCHET_SERVER: this.server.client.origin }
  }
}
