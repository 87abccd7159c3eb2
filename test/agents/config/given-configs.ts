import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { KeptSecrets } from '../../../src/agents/config/kept-secrets.ts'
import { ConfigStore } from '../../../src/agents/config/store.ts'
import { queueHooks } from '../../../src/agents/queues/hooks.ts'
import { directory } from '../../../src/endpoints/directory.ts'
import type { EndpointKind } from '../../../src/endpoints/endpoint.ts'
import { remote } from '../../../src/endpoints/remote.ts'
import { testKeys } from '../../home.ts'
import { openEmbedded } from '../../../src/state/embedded.ts'
import type { Store } from '../../../src/state/store.ts'

/** One kind that can be both ends, and one that can only be a target and has a secret. */
export const twoKinds = [directory, remote] as readonly EndpointKind[]

export interface Given {
  /** Removed after the test. */
  readonly folder: string
  readonly store: Store
  readonly configs: ConfigStore
  /** A config that is valid, from one folder to another. */
  config(name: string): Record<string, unknown>
}

export async function givenConfigs(t: TestContext): Promise<Given> {
  const folder = await mkdtemp(join(tmpdir(), 'configs.'))
  const store = await openEmbedded(join(folder, 'state'))
  t.after(async () => {
    await store.close()
    await rm(folder, { recursive: true })
  })
  return {
    folder,
    store,
    configs: new ConfigStore(store, new KeptSecrets(twoKinds, testKeys), queueHooks(store)),
    config: (name) => ({
      name,
      source: { kind: 'directory', path: join(folder, 'source') },
      targets: [{ kind: 'directory', path: join(folder, name) }],
    }),
  }
}

export const me = { actor: 'me' }

/** A target on another server, with a secret. */
export function far(options: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { name: 'far', kind: 'remote', url: 'https://publish.example', agent: 'in', token: 's3cret', ...options }
}
