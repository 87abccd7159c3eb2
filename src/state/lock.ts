import { randomBytes } from 'node:crypto'
import { closeSync, constants, existsSync, openSync } from 'node:fs'
import { access, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ReplicationError } from '../errors.ts'

/*
 * <folder>/lock/<pid>-<random>        a socket: its process lives as long as it can be connected to
 * <folder>/lock/<pid>-<random>.held   there once that process has the lock
 *
 * The kernel ends the listening with the process, however it dies, and goes on with it while the process is stopped. A
 * socket gets its name when it already listens, and no name is used twice; so one that refuses is dead for good, and
 * anybody may remove it. Who wants the lock first shows a socket, then looks for others, and has it when there are none:
 * of two, at least one sees the other. Of those who see each other the one whose name sorts first stays, the others go.
 */
const socketName = /^(\d+)-[0-9a-f]{16}$/
const pollMs = 20
/** How long others may take over the same question before we give up: they have died or gone in milliseconds, or are stopped. */
const patienceMs = 10_000

export interface FolderLock {
  /** Gives the folder free. The end of the process does too, of whatever kind. */
  release(): Promise<void>
}

/**
 * Makes this process, and in it this call, the folder's only user on this machine. Throws `conflict` when there is one
 * already. The lock does not keep the process alive.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const place = join(folder, 'lock')
  await mkdir(place, { recursive: true })
  const open = process.platform === 'linux' && existsSync('/proc/self/fd') ? openSync(place, constants.O_DIRECTORY) : -1
  try {
    return await new Contest(folder, place, open === -1 ? place : `/proc/self/fd/${open}`).win()
  } finally {
    if (open !== -1) closeSync(open)
  }
}

interface Contender {
  readonly name: string
  readonly server: Server
}

class Contest {
  readonly #folder: string
  readonly #place: string
  /** The same folder by a name that is short enough for a socket's address, which has room for some 100 bytes. */
  readonly #short: string
  readonly #deadline = Date.now() + patienceMs

  constructor(folder: string, place: string, short: string) {
    this.#folder = folder
    this.#place = place
    this.#short = short
  }

  async win(): Promise<FolderLock> {
    for (;;) {
      if ((await this.#others()).length === 0) {
        const me = await this.#show()
        if (await this.#stays(me)) return { release: () => this.#withdraw(me) }
      }
      await delay(pollMs)
    }
  }

  async #show(): Promise<Contender> {
    const name = `${process.pid}-${randomBytes(8).toString('hex')}`
    const server = createServer((socket) => socket.destroy())
    server.unref()
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => reject(this.#unusable(cause)))
      server.listen({ path: `${this.#short}/${name}.new`, exclusive: true, writableAll: true }, resolve)
    })
    // That it listens is all that matters: if it runs out of files while it accepts somebody, that is the other's loss.
    server.on('error', () => undefined)
    await rename(join(this.#place, `${name}.new`), join(this.#place, name))
    return { name, server }
  }

  /** Whether this contender is the one that has the lock in the end. */
  async #stays(me: Contender): Promise<boolean> {
    try {
      for (;;) {
        const others = await this.#others(me)
        if (others.length === 0) {
          await writeFile(this.#held(me.name), '')
          return true
        }
        if (others.some((name) => name < me.name)) break
        await delay(pollMs)
      }
    } catch (error) {
      await this.#withdraw(me)
      throw error
    }
    await this.#withdraw(me)
    return false
  }

  async #withdraw({ name, server }: Contender): Promise<void> {
    await this.#remove(name)
    await new Promise((resolve) => server.close(resolve))
  }

  /** The other contenders that live. Throws when one of them has the lock, or when they take too long. */
  async #others(me?: Contender): Promise<string[]> {
    const others: string[] = []
    for (const name of await readdir(this.#place)) {
      if (!socketName.test(name) || name === me?.name) continue
      if (!(await this.#lives(name))) await this.#remove(name)
      else if (await exists(this.#held(name)))
        throw this.#conflict(name, 'stop that one, or give this one a folder of its own')
      else others.push(name)
    }
    const [first] = others
    if (first !== undefined && Date.now() > this.#deadline)
      throw this.#conflict(first, 'which has not come further than that for 10 seconds: stop it')
    return others
  }

  #lives(name: string): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(`${this.#short}/${name}`)
      socket.on('connect', () => {
        socket.destroy()
        resolve(true)
      })
      // Any other error, such as too many who are waiting to be accepted, comes from somebody who is there.
      socket.on('error', (error: NodeJS.ErrnoException) =>
        resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
      )
    })
  }

  async #remove(name: string): Promise<void> {
    await rm(join(this.#place, name), { force: true })
    await rm(this.#held(name), { force: true })
  }

  #held(name: string): string {
    return join(this.#place, `${name}.held`)
  }

  #conflict(name: string, wayOut: string): ReplicationError {
    const pid = socketName.exec(name)?.[1] ?? 'unknown'
    return new ReplicationError(
      'conflict',
      `the folder ${this.#folder} is in use by another server (process ${pid}): ${wayOut}`,
    )
  }

  #unusable(cause: Error): ReplicationError {
    return new ReplicationError('invalid', `the folder ${this.#folder} cannot be locked: ${cause.message}`, { cause })
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
