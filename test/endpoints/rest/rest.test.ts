import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EndpointKind } from '../../../src/endpoints/endpoint.ts'
import { rest } from '../../../src/endpoints/rest.ts'
import { PlainService } from '../../interop/plain-service.ts'
import { holdsDocuments } from '../conformance/documents.ts'

holdsDocuments({
  kind: rest as EndpointKind,
  make: async (t) => ({ options: { url: (await PlainService.start(t)).origin, schema: 'simple' } }),
})

test('the place of a service is its origin and its path, segment by segment', async () => {
  assert.deepEqual(await rest.place({ url: 'https://A.example:443/api/foo/?x=y' }), [
    'rest',
    'https://a.example',
    'api',
    'foo',
  ])
})
