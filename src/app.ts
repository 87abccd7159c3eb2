import swagger from '@fastify/swagger'
import { fastify, type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import { parseBodies } from './routes/body.ts'
import { openApi, openApiRoutes } from './routes/openapi.ts'
import { answerErrors, answerGarbage, sendProblem } from './routes/problem.ts'
import { compileSchemas, register } from './routes/register.ts'
import { echoRequestId, requestIdOf } from './routes/request-id.ts'
import { RequestLog } from './routes/request-log.ts'
import { plainTable, prefixes, routeTable, sharedSchemas, type Parts } from './routes/table.ts'

export interface AppParts extends Parts {
  readonly log: FastifyBaseLogger
  /** Of this software; for the OpenAPI document. */
  readonly version: string
  /** The origin under which others reach this server, if it is known. */
  readonly publicUrl?: string
  readonly maxUploadBytes: number
}

/** The HTTP side of the server, not yet listening. Whoever closes it closes the parts afterwards. */
export function buildApp(parts: AppParts): FastifyInstance {
  const app = fastify({
    loggerInstance: parts.log,
    logController: new RequestLog(),
    genReqId: requestIdOf,
    // Requests on kept connections are still answered while the server closes.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 500 },
    frameworkErrors: (error, request, reply) => {
      reply.header('x-request-id', request.id)
      sendProblem(error, request, reply)
    },
    clientErrorHandler: answerGarbage,
  })
  compileSchemas(app)
  answerErrors(app)
  echoRequestId(app)
  for (const schema of sharedSchemas(parts)) app.addSchema(schema)
  void app.register(swagger, openApi(parts))
  void app.register(async (scope) => {
    await parseBodies(scope, parts)
    for (const prefix of prefixes) register(scope, routeTable(parts), prefix, prefix === prefixes[0])
    register(scope, [...plainTable(parts), ...openApiRoutes(() => app.swagger())], '', true)
  })
  return app
}
