import { join } from 'node:path'
import type { EndpointKind } from '../../src/endpoints/endpoint.ts'
import { directory } from '../../src/endpoints/directory.ts'
import { holdsDocuments } from './conformance/documents.ts'
import { makeFolder } from './trees.ts'

for (const format of ['yaml', 'json'] as const)
  holdsDocuments({
    kind: { ...(directory as EndpointKind), name: `directory of resources in ${format}` },
    make: async (t) => ({
      options: { path: join(await makeFolder(t), 'not/yet'), view: 'resources', format, schema: 'simple' },
    }),
  })
