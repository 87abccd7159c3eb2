import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Server } from '../end-to-end/server.ts'

/** A server with an author's folder, and agents in each state that a page shows. */
export interface Site {
  readonly server: Server
  /** What the author has. */
  readonly source: string
  /** A folder below which targets are. */
  folder(name: string): string
}

export async function startSite(env: Readonly<Record<string, string>> = {}): Promise<Site> {
  const server = await Server.start({
    env: { ENVIRONMENT_NAME: 'Staging', ENVIRONMENT_COLOUR: '#b3541e', LOG_LEVEL: 'warn', ...env },
  })
  const folder = (name: string): string => {
    const path = join(server.folder, name)
    mkdirSync(path, { recursive: true })
    return path
  }
  const source = folder('author')
  for (const section of ['news', 'products']) {
    mkdirSync(join(source, 'content', section), { recursive: true })
    for (let i = 1; i <= 8; i++)
      writeFileSync(
        join(source, 'content', section, `page-${i}.json`),
        JSON.stringify({ title: `${section} ${i}`, text: 'word '.repeat(i * 7), tags: ['a', 'b'] }),
      )
  }
  return { server, source, folder }
}

export async function putAgent(
  { server }: Site,
  name: string,
  config: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { status, text } = await server.client.call('PUT', `/replication/config/${name}`, { json: { name, ...config } })
  if (status >= 300) throw new Error(text)
}

/** Waits until the command has ended, or for a few seconds. */
export async function replicate(site: Site, agent: string, paths: readonly string[], waitS = 10): Promise<string> {
  const { body } = await site.server.client.post<{ id: string }>(`/agent/${agent}/replicate`, {
    json: { paths },
    headers: { Prefer: `wait=${waitS}` },
  })
  return body.id
}

/** Agents that are idle, blocked, retrying, paused, disabled, pulled from, and one with many targets. */
export async function manyStates(site: Site): Promise<{ command: string; comparison: string }> {
  const source = { kind: 'directory', path: site.source }
  const targets = [
    { name: 'pub1', kind: 'directory', path: site.folder('pub1') },
    { name: 'pub2', kind: 'directory', path: site.folder('pub2') },
  ]
  await putAgent(site, 'publish', { title: 'Author to publish', source, targets, roots: ['/content'] })
  await putAgent(site, 'gone', {
    title: 'A target that nobody answers for',
    source,
    targets: [{ name: 'far', kind: 'remote', url: 'http://127.0.0.1:9', agent: 'in', token: 'not told' }],
    queue: { backoff: { initialMs: 20, maxMs: 600_000, factor: 30 } },
  })
  await putAgent(site, 'dmz', { source, passive: ['dmz'], triggers: [{ kind: 'schedule', cron: '0 3 * * *' }] })
  await putAgent(site, 'nodes', {
    source,
    targets: Array.from({ length: 9 }, (_, i) => ({ name: `node-${i}`, kind: 'memory' })),
  })
  await putAgent(site, 'off', { enabled: false, source, targets: [{ name: 'default', kind: 'memory' }] })
  const command = await replicate(site, 'publish', ['/content'])
  await replicate(site, 'nodes', ['/content/news'])
  await replicate(site, 'dmz', ['/content/news'], 0)
  for (let i = 1; i < 4; i++) await replicate(site, 'gone', [`/content/news/page-${i}.json`], 0)
  writeFileSync(join(site.folder('pub1'), 'content/news/page-3.json'), '{"title":"changed at the target"}')
  writeFileSync(join(site.folder('pub1'), 'content/own.txt'), 'the target’s own\n')
  writeFileSync(join(site.source, 'content/news/page-4.json'), '{"title":"changed at the source"}')
  writeFileSync(join(site.source, 'content/news/page-3.json'), '{"title":"changed at the source, too"}')
  writeFileSync(join(site.source, 'content/fresh.txt'), 'new\n')
  const { body } = await site.server.client.post<{ id: string }>('/agent/publish/compare', { json: { target: 'pub1' } })
  return { command, comparison: body.id }
}

/** Each page with something on it, by a name for it. */
export function pagesOf(at: { command: string; comparison: string }): Readonly<Record<string, string>> {
  return {
    overview: '',
    agent: '#/agents/gone',
    history: '#/agents/publish/history',
    targets: '#/agents/publish/targets',
    log: '#/agents/publish/log',
    config: '#/agents/publish/config',
    'new-agent': '#/new',
    commands: '#/commands',
    command: `#/commands/${at.command}`,
    comparisons: '#/comparisons',
    comparison: `#/comparisons/${at.comparison}`,
    where: '#/where?path=/content/news/page-3.json',
  }
}
