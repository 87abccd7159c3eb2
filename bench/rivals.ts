/** What would otherwise be used. Each starts its processes within the time that is taken, as it does in daily use. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Contender, Sample } from './contender.ts'
import { cpuMs, endedChildrenCpuMs } from './processes.ts'
import { freePort } from './servers.ts'

export interface Rival {
  readonly name: string
  /** The program that must be installed, and the flag that makes it tell its version. */
  readonly program: string
  readonly versionFlag: string
  /** `targets` is the folder in which every target folder will lie, `folder` one for its own files. */
  start(targets: string, folder: string): Promise<Contender>
}

export const rivals: readonly Rival[] = [
  {
    name: 'cp -a',
    program: 'cp',
    versionFlag: '--version',
    start: async () => starting('cp -a', (from, to) => ['cp', '-a', join(from, 'content'), to]),
  },
  { name: 'rsync -a to a daemon', program: 'rsync', versionFlag: '--version', start: rsync },
  {
    name: 'rclone sync, local',
    program: 'rclone',
    versionFlag: 'version',
    start: async () =>
      starting('rclone sync, local', (from, to) => {
        const folders = [join(from, 'content'), join(to, 'content')]
        return ['rclone', '--config', '', 'sync', '--create-empty-src-dirs', ...folders]
      }),
  },
]

/** The first line that it says of its version; undefined when it is not installed. */
export function versionOf({ program, versionFlag }: Rival): string | undefined {
  const { status, stdout } = spawnSync(program, [versionFlag], { encoding: 'utf8', timeout: 10_000 })
  return status === 0 ? stdout.split('\n')[0]?.trim() : undefined
}

function starting(name: string, command: (from: string, to: string) => string[]): Contender {
  return { name, copy: (from, to) => timed(command(from, to)), close: async () => {} }
}

/** Runs a program to its end. Throws unless it succeeds. */
async function timed([command = '', ...args]: readonly string[]): Promise<Sample> {
  const cpuBefore = endedChildrenCpuMs()
  const startedAt = performance.now()
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2000)
  })
  const [status] = (await once(child, 'exit')) as [number | null]
  const wallMs = performance.now() - startedAt
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${said}`)
  return { wallMs, cpuMs: endedChildrenCpuMs() - cpuBefore }
}

/** A daemon of its own on a free port of the loopback, with a module that is the folder of all targets. */
async function rsync(targets: string, folder: string): Promise<Contender> {
  mkdirSync(folder, { recursive: true })
  const config = join(folder, 'rsyncd.conf')
  // A daemon of root would otherwise write as nobody, and could not keep owners as -a asks.
  const owner = process.getuid?.() === 0 ? ['uid = root', 'gid = root'] : []
  const settings = ['use chroot = no', `log file = ${join(folder, 'rsyncd.log')}`]
  const module = ['[bench]', `path = ${targets}`, 'read only = no', ...owner]
  writeFileSync(config, [...settings, ...module, ''].join('\n'))
  const port = await freePort()
  const daemon = spawn(
    'rsync',
    ['--daemon', '--no-detach', `--config=${config}`, '--address=127.0.0.1', `--port=${port}`],
    // A daemon whose standard input is a socket, as a pipe of node's is, believes that inetd has started it.
    { stdio: 'ignore' },
  )
  await listening(daemon, port)
  return {
    name: 'rsync -a to a daemon',
    copy: async (from, to) => {
      if (dirname(to) !== targets) throw new Error(`${to} does not lie in ${targets}`)
      const before = daemonCpuMs(daemon)
      const address = `rsync://127.0.0.1:${port}/bench/${basename(to)}/`
      const sample = await timed(['rsync', '-a', join(from, 'content'), address])
      // The daemon's process for the connection is counted once it has ended and been waited for.
      await sleep(200)
      return { ...sample, cpuMs: sample.cpuMs + daemonCpuMs(daemon) - before }
    },
    close: async () => {
      if (daemon.exitCode !== null) return
      const ended = once(daemon, 'exit')
      daemon.kill('SIGTERM')
      await ended
    },
  }
}

function daemonCpuMs({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error('the rsync daemon was not started')
  return cpuMs(pid, 'with ended children')
}

async function listening(daemon: ChildProcess, port: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (daemon.exitCode !== null) throw new Error(`the rsync daemon ended with ${daemon.exitCode}`)
    const socket = connect(port, '127.0.0.1')
    const open = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (open) return
    await sleep(50)
  }
  throw new Error(`the rsync daemon does not listen on port ${port}`)
}
