/** The agents that docker-compose.yml brings: valid, and what they name is where they name it. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { seedAgents } from '../src/agents/config/seed.ts'
import { givenConfigs } from './agents/config/given-configs.ts'
import { environmentOf, fileOf, isOurs, mountAt, readCompose, type Service } from './compose-file.ts'

interface Endpoint {
  readonly kind: string
  readonly path?: string
  readonly url?: string
  readonly agent?: string
  readonly token?: { readonly file: string }
}
interface Agent {
  readonly name: string
  readonly source?: Endpoint
  readonly targets: readonly Endpoint[]
}

const compose = readCompose()
const ours = Object.entries(compose.services).filter(([, service]) => isOurs(service))

function agentFolder(service: Service): string {
  const folder = fileOf(compose, service, `${environmentOf(service)['CONFIG_DIR']}/agents`)
  assert.ok(folder, 'CONFIG_DIR is mounted from the repository')
  return folder
}

function agentsOf(service: Service): Agent[] {
  const folder = agentFolder(service)
  return readdirSync(folder).map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Agent)
}

for (const [name, service] of ours)
  test(`the agents of ${name} are valid`, async (t) => {
    const { configs } = await givenConfigs(t)
    const names = agentsOf(service).map((agent) => agent.name)
    assert.ok(names.length > 0)
    assert.deepEqual(await seedAgents(configs, agentFolder(service)), names.toSorted())
  })

test('the author reads from what is mounted, and each publish server writes to a volume', () => {
  for (const [name, service] of ours)
    for (const { source, targets } of agentsOf(service)) {
      assert.equal(source !== undefined, name.startsWith('author-'), name)
      if (source !== undefined) assert.equal(mountAt(service, source.path ?? '')?.kind, 'bind', name)
      for (const { path } of targets) if (path !== undefined) assert.equal(mountAt(service, path)?.kind, 'volume', name)
    }
})

test('the author reaches every publish server: its name, its port, an agent there, a token that is mounted', () => {
  for (const [name, service] of ours.filter(([name]) => name.startsWith('author-'))) {
    const targets = agentsOf(service).flatMap((agent) => agent.targets)
    const reached = targets.map(({ url = '', agent, token }) => {
      const { hostname, port } = new URL(url)
      const other = compose.services[hostname]
      assert.ok(
        environmentOf(service)['ALLOWED_HOSTS']?.split(',').includes(hostname),
        `${name} may not reach ${hostname}`,
      )
      assert.ok(other, `${name} sends to ${hostname}`)
      assert.equal(port, environmentOf(other)['PORT'], url)
      assert.ok(
        other.networks?.some((network) => service.networks?.includes(network)),
        `${name} cannot reach ${hostname}`,
      )
      assert.ok(
        agentsOf(other).some((one) => one.name === agent && one.targets.length > 0),
        `${hostname} has no ${agent}`,
      )
      assert.equal(mountAt(service, token?.file ?? '')?.source, `${hostname}-token`)
      return hostname
    })
    assert.deepEqual(reached.toSorted(), ['publish-1', 'publish-2'], name)
  }
})
