import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Contender, Sample, ServerSample } from './contender.ts'
import { LoopWatch } from './loop-delay.ts'
import { MemoryWatch } from './memory.ts'
import { cpuMs } from './processes.ts'
import { ServerProcess } from './servers.ts'

interface Command {
  readonly id: string
  readonly state?: string
}

interface Packages {
  readonly items: readonly { readonly id: string; readonly parts?: readonly string[] }[]
}

/**
 * From one server of ours to another over HTTP: exported, stored, delivered, verified, written and durable. Each run has an
 * agent of its own on both sides and finds no package there, so that nothing is known from the run before.
 */
export class Ours implements Contender {
  readonly name = 'trebuchet'
  readonly #sender: ServerProcess
  readonly #receiver: ServerProcess
  #runs = 0

  private constructor(sender: ServerProcess, receiver: ServerProcess) {
    this.#sender = sender
    this.#receiver = receiver
  }

  static async start(folder: string, profiles?: string): Promise<Ours> {
    const at = (role: string): string => {
      mkdirSync(join(folder, role), { recursive: true })
      return join(folder, role)
    }
    const sender = await ServerProcess.start('sender', at('sender'), profiles)
    try {
      return new Ours(sender, await ServerProcess.start('receiver', at('receiver'), profiles))
    } catch (error) {
      await sender.close()
      throw error
    }
  }

  async copy(from: string, to: string): Promise<Sample> {
    const agent = `bench-${++this.#runs}`
    await this.#receiver.ask([201], 'POST', '/replication/config', {
      name: agent,
      targets: [{ name: 'default', kind: 'directory', path: to }],
    })
    await this.#sender.ask([201], 'POST', '/replication/config', {
      name: agent,
      source: { kind: 'directory', path: from },
      targets: [{ name: 'default', kind: 'remote', url: this.#receiver.origin, agent }],
    })
    const watches = await Promise.all([watch(this.#sender), watch(this.#receiver)])
    const startedAt = performance.now()
    await this.#replicate(agent)
    const wallMs = performance.now() - startedAt
    const servers = await Promise.all(watches.map((stop) => stop()))
    await this.#forget(agent)
    return { wallMs, cpuMs: servers.reduce((sum, server) => sum + server.cpuMs, 0), servers }
  }

  async close(): Promise<void> {
    await Promise.all([this.#sender.close(), this.#receiver.close()])
  }

  async #replicate(agent: string): Promise<void> {
    const prefer = { prefer: 'wait=600' }
    const path = `/replication/agent/${agent}/replicate`
    let command = await this.#sender.ask<Command>([200, 202], 'POST', path, { paths: ['/content'] }, prefer)
    // A server may hold an answer for less than was asked.
    while ([undefined, 'queued', 'running', 'retrying'].includes(command.state))
      command = await this.#sender.ask([200], 'GET', `/replication/commands/${command.id}`, undefined, prefer)
    if (command.state !== 'succeeded') throw new Error(`the command ended as ${JSON.stringify(command)}`)
  }

  /** A command may have made several packages, and nothing but this bench has made any. */
  async #forget(agent: string): Promise<void> {
    for (const server of [this.#sender, this.#receiver]) {
      await server.ask([204], 'DELETE', `/replication/config/${agent}`)
      const { items } = await server.ask<Packages>([200], 'GET', '/replication/packages?limit=500')
      // The parts of a package may go with it.
      // An index holds its parts, so it goes before them.
      const inOrder = items.toSorted((a, b) => Number(a.parts === undefined) - Number(b.parts === undefined))
      for (const { id } of inOrder) await server.ask([204, 404], 'DELETE', `/replication/packages/${id}`)
    }
  }
}

async function watch(server: ServerProcess): Promise<() => Promise<ServerSample>> {
  const delay = await LoopWatch.start(server)
  const memory = new MemoryWatch(server.pid)
  const before = cpuMs(server.pid)
  return async () => ({
    role: server.role,
    cpuMs: cpuMs(server.pid) - before,
    peakAnonymousBytes: memory.stop(),
    longestDelayMs: await delay.stop(),
  })
}
