import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { fastify } from 'fastify'
import { endpointSchema, kindsFor } from '../../src/agents/config/endpoint-config.ts'
import { looseConfigSchema } from '../../src/agents/config/config.ts'
import { hooksSchema } from '../../src/agents/config/hooks.ts'
import { kinds } from '../../src/endpoints/kinds.ts'
import { addRoutes } from '../../src/routes/table.ts'
import { settingsSchema } from '../../src/settings.ts'
import { givenApp } from './given-app.ts'

// A server takes them as they are, for the schema of schemas is dear to compile at each start.
test('every schema that something is checked against is one, by the schema of schemas', async (t) => {
  const schemas: [name: string, schema: object][] = [
    ['settings', settingsSchema],
    ['configs', looseConfigSchema],
    ['hooks', hooksSchema],
  ]
  for (const role of ['source', 'target'] as const)
    for (const kind of kindsFor(role, kinds)) schemas.push([`${kind.title} as ${role}`, endpointSchema(kind, role)])
  const { parts } = await givenApp(t)
  const bare = fastify()
  bare.addHook('onRoute', ({ url, schema = {} }) => {
    for (const part of ['querystring', 'params', 'body'] as const) {
      const whole = schema[part] as { content?: Record<string, { schema: object }> } | undefined
      const each = whole?.content === undefined ? [whole] : Object.values(whole.content).map((of) => of.schema)
      for (const one of each) if (one !== undefined) schemas.push([`${part} of ${url}`, one])
    }
  })
  await addRoutes(bare, parts)
  assert.ok(schemas.length > 100, `${schemas.length} schemas`)
  const ajv = new Ajv2020({ allErrors: true })
  formats.default(ajv)
  for (const [name, schema] of schemas) assert.ok(await ajv.validateSchema(schema), `${name}: ${ajv.errorsText()}`)
  assert.equal(await ajv.validateSchema({ type: 'object', required: 'name' }), false)
})
