import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { MemoryWatch } from '../memory.ts'
import { cpuMs, readBytes } from '../processes.ts'
import { ServerProcess } from '../servers.ts'
import type { Contender, Sample, ServerSample, Work } from './contender.ts'
import type { Link } from './link.ts'

interface Command {
  readonly id: string
  readonly state?: string
}

interface Packages {
  readonly items: readonly { readonly id: string; readonly parts?: readonly string[] }[]
}

interface Started {
  readonly folder: string
  readonly link: Link
  readonly profiles?: string
}

export const trebuchet = 'trebuchet'

/**
 * From one server of ours to another over HTTP: exported, stored, delivered, verified, written and durable. For new
 * targets there is a new agent on both sides and no package, so that nothing is known from the run before; kept ones keep
 * their agents, and everything that is known of them. One agent of the sender has all targets; each is another agent of the one receiver.
 */
export class Ours implements Contender {
  readonly name = trebuchet
  readonly #sender: ServerProcess
  readonly #receiver: ServerProcess
  /** How the sender calls the receiver. */
  readonly #url: string
  /** Agents of the sender, by their targets. */
  readonly #kept = new Map<string, string>()
  #agents = 0

  private constructor(sender: ServerProcess, receiver: ServerProcess, url: string) {
    this.#sender = sender
    this.#receiver = receiver
    this.#url = url
  }

  static async start({ folder, link, profiles }: Started): Promise<Ours> {
    const start = async (role: string): Promise<ServerProcess> => {
      mkdirSync(join(folder, role), { recursive: true })
      return ServerProcess.start(role, join(folder, role), profiles)
    }
    const sender = await start('sender')
    let receiver: ServerProcess | undefined
    try {
      receiver = await start('receiver')
      const port = await link.to(Number(new URL(receiver.origin).port))
      return new Ours(sender, receiver, `http://127.0.0.1:${port}`)
    } catch (error) {
      await Promise.all([sender.close(), receiver?.close()])
      throw error
    }
  }

  async copy({ from, targets, state }: Work): Promise<Sample> {
    const key = targets.join('\n')
    const agent = this.#kept.get(key) ?? (await this.#agentFor(from, targets))
    if (state === 'kept') this.#kept.set(key, agent)
    const watches = await Promise.all([watch(this.#sender), watch(this.#receiver)])
    const startedAt = nowUs()
    await this.#replicate(agent, state)
    const span = { from: startedAt, to: nowUs() }
    const servers = await Promise.all(watches.map((stop) => stop()))
    if (state === 'new') await this.#forget(agent, targets)
    const wallMs = (span.to - span.from) / 1000
    return { wallMs, span, cpuMs: servers.reduce((sum, server) => sum + server.cpuMs, 0), servers }
  }

  async close(): Promise<void> {
    await Promise.all([this.#sender.close(), this.#receiver.close()])
  }

  async #agentFor(from: string, targets: readonly string[]): Promise<string> {
    const agent = `bench-${++this.#agents}`
    for (const [index, path] of targets.entries())
      await this.#receiver.ask([201], 'POST', '/replication/config', {
        name: `${agent}.${index}`,
        targets: [{ name: 'default', kind: 'directory', path }],
      })
    await this.#sender.ask([201], 'POST', '/replication/config', {
      name: agent,
      source: { kind: 'directory', path: from },
      targets: targets.map((_, index) => ({
        ...{ name: `target-${index}`, kind: 'remote', url: this.#url, agent: `${agent}.${index}` },
      })),
    })
    return agent
  }

  /** As whoever wants a copy calls it: what only the target has goes, unless the target is new. */
  async #replicate(agent: string, state: Work['state']): Promise<void> {
    const prefer = { prefer: 'wait=600' }
    const path = `/replication/agent/${agent}/replicate`
    const body = { paths: ['/content'], ...(state === 'kept' && { mode: 'mirror' }) }
    let command = await this.#sender.ask<Command>([200, 202], 'POST', path, body, prefer)
    // A server may hold an answer for less than was asked.
    while ([undefined, 'queued', 'running', 'retrying'].includes(command.state))
      command = await this.#sender.ask([200], 'GET', `/replication/commands/${command.id}`, undefined, prefer)
    if (command.state !== 'succeeded') throw new Error(`the command ended as ${JSON.stringify(command)}`)
  }

  async #forget(agent: string, targets: readonly string[]): Promise<void> {
    await this.#sender.ask([204], 'DELETE', `/replication/config/${agent}`)
    for (const index of targets.keys())
      await this.#receiver.ask([204], 'DELETE', `/replication/config/${agent}.${index}`)
    for (const server of [this.#sender, this.#receiver]) await deletePackages(server)
  }
}

/** A command may have made several packages, and nothing but this bench has made any. */
async function deletePackages(server: ServerProcess): Promise<void> {
  const { items } = await server.ask<Packages>([200], 'GET', '/replication/packages?limit=500')
  // An index holds its parts, so it goes before them; they may go with it.
  const inOrder = items.toSorted((a, b) => Number(a.parts === undefined) - Number(b.parts === undefined))
  for (const { id } of inOrder) await server.ask([204, 404], 'DELETE', `/replication/packages/${id}`)
}

async function watch(server: ServerProcess): Promise<() => Promise<ServerSample>> {
  // From now on.
  await server.longestDelayMs()
  const memory = new MemoryWatch(server.pid)
  const before = { cpuMs: cpuMs(server.pid), readBytes: readBytes(server.pid) }
  return async () => ({
    role: server.role,
    cpuMs: cpuMs(server.pid) - before.cpuMs,
    readBytes: readBytes(server.pid) - before.readBytes,
    peakAnonymousBytes: memory.stop(),
    longestDelayMs: await server.longestDelayMs(),
  })
}

function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n)
}
