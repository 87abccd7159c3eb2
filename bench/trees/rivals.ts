/** What would otherwise be used. Each starts its processes within the time that is taken, as it does in daily use. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { endedChildrenCpuMs } from '../processes.ts'
import { freePort } from '../servers.ts'
import type { Contender, Sample, Work } from './contender.ts'
import { Daemon } from './daemon.ts'
import type { Link } from './link.ts'
import { rcloneWebdav, rsyncDaemon } from './scenarios.ts'

export interface Rival {
  readonly name: string
  /** The program that must be installed, and the flag that makes it tell its version. */
  readonly program: string
  readonly versionFlag: string
  /** Whether it reaches its targets through a server. */
  readonly isRemote: boolean
  /** Whether it can be run again, and then copies less. */
  readonly isSync: boolean
  /** Whether it ends only when what it has copied is on the disk. */
  readonly isFlushed?: true
  start(place: RivalPlace): Promise<Contender>
}

export interface RivalPlace {
  /** The folder in which every target folder lies. */
  readonly targets: string
  /** For its own files. */
  readonly folder: string
  readonly link: Link
}

const rclone = ['rclone', '--config', '', 'sync', '--create-empty-src-dirs']

const cp: Rival = {
  ...{ name: 'cp -a', program: 'cp', versionFlag: '--version', isRemote: false, isSync: false },
  start: async () => starting('cp -a', (from, to) => ['cp', '-a', join(from, 'content'), to]),
}
const rsync: Rival = {
  ...{ name: rsyncDaemon, program: 'rsync', versionFlag: '--version', isRemote: true, isSync: true },
  start: startRsync,
}

export const rivals: readonly Rival[] = [
  ...[cp, flushed(cp), rsync, flushed(rsync)],
  {
    ...{ name: 'rclone sync, local', program: 'rclone', versionFlag: 'version', isRemote: false, isSync: true },
    start: async () =>
      starting('rclone sync, local', (from, to) => [...rclone, join(from, 'content'), join(to, 'content')]),
  },
  {
    ...{ name: rcloneWebdav, program: 'rclone', versionFlag: 'version', isRemote: true, isSync: true },
    start: webdav,
  },
]

/** The first line that it says of its version; undefined when it is not installed. */
export function versionOf({ program, versionFlag }: Rival): string | undefined {
  const { status, stdout } = spawnSync(program, [versionFlag], { encoding: 'utf8', timeout: 10_000 })
  return status === 0 ? stdout.split('\n')[0]?.trim() : undefined
}

/** The same, and then `sync -f` of each target: what durability alone costs. */
function flushed(rival: Rival): Rival {
  const name = `${rival.name}, and flushed`
  return {
    ...{ ...rival, name, isFlushed: true },
    start: async (place) => {
      const contender = await rival.start(place)
      const copy = async (work: Work): Promise<Sample> => {
        const total = { ...(await contender.copy(work)) }
        for (const to of work.targets) {
          const { wallMs, cpuMs } = await timed(['sync', '-f', to])
          total.wallMs += wallMs
          total.cpuMs += cpuMs
        }
        return total
      }
      return { ...contender, name, copy }
    },
  }
}

/** A tool knows one target, so it is run once for each. */
function starting(
  name: string,
  command: (from: string, to: string, state: Work['state']) => string[],
  daemon?: Daemon,
): Contender {
  return {
    name,
    copy: async ({ from, targets, state }) => {
      const before = daemon?.cpuMs() ?? 0
      const total = { wallMs: 0, cpuMs: 0 }
      for (const to of targets) {
        const { wallMs, cpuMs } = await timed(command(from, to, state))
        total.wallMs += wallMs
        total.cpuMs += cpuMs
      }
      if (daemon === undefined) return total
      // The daemon's process for the connection is counted once it has ended and been waited for.
      await sleep(200)
      return { ...total, cpuMs: total.cpuMs + daemon.cpuMs() - before }
    },
    close: async () => daemon?.close(),
  }
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
async function startRsync({ targets, folder, link }: RivalPlace): Promise<Contender> {
  mkdirSync(folder, { recursive: true })
  const config = join(folder, 'rsyncd.conf')
  // A daemon of root would otherwise write as nobody, and could not keep owners as -a asks.
  const owner = process.getuid?.() === 0 ? ['uid = root', 'gid = root'] : []
  const settings = ['use chroot = no', `log file = ${join(folder, 'rsyncd.log')}`]
  const module = ['[bench]', `path = ${targets}`, 'read only = no', ...owner]
  writeFileSync(config, [...settings, ...module, ''].join('\n'))
  const port = await freePort()
  const command = ['rsync', '--daemon', '--no-detach', `--config=${config}`, '--address=127.0.0.1', `--port=${port}`]
  const daemon = await Daemon.start(command, port)
  const near = await link.to(port)
  const copy = (from: string, to: string, state: Work['state']): string[] => {
    const address = `rsync://127.0.0.1:${near}/bench/${nameOf(to, targets)}/`
    return ['rsync', '-a', ...(state === 'kept' ? ['--delete'] : []), join(from, 'content'), address]
  }
  return starting(rsyncDaemon, copy, daemon)
}

/**
 * A server of rclone's own. Its protocol keeps no times: without a word rclone would take every file of the same size for the same.
 * So it is told to copy what has changed since it was uploaded, as its manual says.
 */
async function webdav({ targets, folder, link }: RivalPlace): Promise<Contender> {
  mkdirSync(folder, { recursive: true })
  const port = await freePort()
  const daemon = await Daemon.start(
    ['rclone', '--config', '', 'serve', 'webdav', '--addr', `127.0.0.1:${port}`, targets],
    port,
  )
  const url = `http://127.0.0.1:${await link.to(port)}`
  const copy = (from: string, to: string): string[] => {
    const address = `:webdav,url='${url}':${nameOf(to, targets)}/content`
    return [...rclone, '--update', '--use-server-modtime', join(from, 'content'), address]
  }
  return {
    ...starting(rcloneWebdav, copy, daemon),
    // Its own way takes an hour for 100,000 files. The times of the copies are those of now, as if they had been uploaded.
    prime: async ({ from, targets: all }) => {
      for (const to of all) await timed(['cp', '-r', join(from, 'content'), to])
    },
  }
}

function nameOf(to: string, targets: string): string {
  if (dirname(to) !== targets) throw new Error(`${to} does not lie in ${targets}`)
  return basename(to)
}
