/** A peer as a process of its own. */
import { spawn, spawnSync } from 'node:child_process'
import { createServer, type AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

/** Skips the test, loudly, where the program is not installed. */
export function skipWithout(t: TestContext, program: string, wayOut: string): boolean {
  if (spawnSync('sh', ['-c', `command -v ${program}`]).status === 0) return false
  const text = `NOT TESTED: ${t.name}. There is no ${program} here; ${wayOut}.`
  process.stderr.write(
    `\n!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!\n  ${text}\n!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!\n`,
  )
  t.skip(text)
  return true
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Runs until the test ends, in `cwd` where it leaves files; answers once it listens at `origin`. */
export async function runPeer(
  t: TestContext,
  command: string,
  args: readonly string[],
  origin: string,
  cwd?: string,
): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += String(chunk)))
  const gone = new Promise<void>((resolve) => child.on('exit', () => resolve()))
  t.after(async () => {
    child.kill('SIGTERM')
    const killer = setTimeout(() => child.kill('SIGKILL'), 5000)
    await gone
    clearTimeout(killer)
  })
  for (let i = 0; i < 300; i++) {
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}: ${said}`)
    if (
      await fetch(origin).then(
        () => true,
        () => false,
      )
    )
      return
    await sleep(50)
  }
  throw new Error(`${command} does not listen: ${said}`)
}
