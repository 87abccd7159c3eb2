/** A second server, behind the kind `remote`, keeps the contract of endpoints like any other kind. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { directory } from '../../src/endpoints/directory.ts'
import type { EndpointKind, Target } from '../../src/endpoints/endpoint.ts'
import { remote } from '../../src/endpoints/remote.ts'
import { conforms } from '../endpoints/conformance.ts'
import { Server } from './server.ts'

const server = await Server.start()
const kind = remote as EndpointKind

conforms(
  {
    kind: {
      ...kind,
      target: (options, context) => {
        const target = kind.target?.(options, context)
        assert.ok(target !== undefined)
        return withOwnLanes(target)
      },
    },
    make: async () => {
      const agent = `publish-${randomUUID()}`
      const path = join(server.folder, agent)
      mkdirSync(path)
      // A far queue that keeps its head for ever would never say no.
      const queue = { onFailure: 'error-queue', attempts: 1 }
      await server.client.agent({ name: agent, queue, targets: [{ kind: 'directory', path }] })
      const source = directory.source?.({ path }, { installation: 'test' })
      assert.ok(source !== undefined)
      return { options: { url: server.client.origin, agent }, source }
    },
  },
  { lists: false },
)

/** One server is the far one of all tests, and knows the epochs of lanes, whichever agent they lead to. */
function withOwnLanes(target: Target): Target {
  const own = randomUUID()
  return {
    apply: (delivery, signal) => target.apply({ ...delivery, lane: `${own}/${delivery.lane}` }, signal),
    test: (signal) => target.test(signal),
    ...(target.close && { close: () => target.close?.() ?? Promise.resolve() }),
  }
}
