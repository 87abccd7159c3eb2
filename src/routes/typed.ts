import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'

/** The same app, whose handlers know their parameters, queries and bodies by the schemas of their routes. */
export function typed(app: FastifyInstance) {
  return app.withTypeProvider<TypeBoxTypeProvider>()
}

export type TypedApp = ReturnType<typeof typed>
