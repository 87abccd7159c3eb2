import type { EndpointKind } from '../../src/endpoints/endpoint.ts'
import { directory } from '../../src/endpoints/directory.ts'
import { conforms } from './conformance.ts'
import { makeFolder } from './trees.ts'
import { join } from 'node:path'

conforms({
  kind: directory as EndpointKind,
  make: async (t) => ({ options: { path: join(await makeFolder(t), 'not/yet/there') } }),
})
