import swagger from '@fastify/swagger'
import { fastify, type FastifyBaseLogger, type FastifyInstance, type FastifyServerFactory } from 'fastify'
import { Gauge } from 'prom-client'
import { parseBodies } from './routes/body.ts'
import { compressListings } from './routes/compress.ts'
import { applyConventions } from './routes/conventions.ts'
import { guard } from './routes/door.ts'
import { dashboardRoutes } from './routes/dashboard-routes.ts'
import { headersOfAll, sendHeaders } from './routes/headers.ts'
import { healthRoutes } from './routes/health-routes.ts'
import { openApi } from './routes/openapi.ts'
import type { RouteParts } from './routes/parts.ts'
import { answerErrors, answerGarbage, sendProblem } from './routes/problem.ts'
import { keepPace, type usualPace } from './routes/pace.ts'
import { answerExpectations, httpLimits } from './routes/plain-requests.ts'
import { echoRequestId, requestIdOf } from './routes/request-id.ts'
import { RequestLog } from './routes/request-log.ts'
import { softwareVersion } from './routes/software-version.ts'
import { measureRequests } from './routes/request-metrics.ts'
import { addRoutes } from './routes/table.ts'
import type { Certificates } from './tls.ts'
import type { Tracing } from './tracing/otel.ts'
import { callMs, withPatience } from './state/patience.ts'

export interface AppParts extends RouteParts {
  readonly tracing?: Tracing | undefined
  /** How slowly bodies may come and answers be taken; as usual, if it is not said. */
  readonly pace?: typeof usualPace
  /** With them it speaks TLS. */
  readonly certificates?: Certificates | undefined
}

/** The HTTP side of the server, ready but not yet listening. Whoever closes it closes the parts afterwards. */
export async function buildApp(parts: AppParts): Promise<FastifyInstance> {
  const { publicUrl, maxUploadBytes } = parts.settings
  const { certificates } = parts
  const app = fastify({
    loggerInstance: parts.log as FastifyBaseLogger,
    logController: new RequestLog(),
    genReqId: requestIdOf,
    // Requests on kept connections are still answered while the server closes.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 500 },
    frameworkErrors: (error, request, reply) => {
      void reply.headers({ ...headersOfAll, 'x-request-id': request.id })
      sendProblem(error, request, reply)
    },
    clientErrorHandler: answerGarbage,
    ...(certificates && { serverFactory: factoryOf(certificates) }),
    http: httpLimits,
    requestTimeout: httpLimits.requestTimeout,
    keepAliveTimeout: httpLimits.keepAliveTimeout,
  })
  if (parts.tracing !== undefined) await app.register(parts.tracing.plugin)
  // Behind the reading of the body, whose length is the caller's, and in whose events this context would be lost.
  app.addHook('preHandler', (_request, _reply, done) => withPatience(callMs, done))
  answerErrors(app)
  echoRequestId(app)
  sendHeaders(app, parts.settings)
  compressListings(app)
  answerExpectations(app)
  keepPace(app, parts.pace)
  app.server.maxConnections = parts.settings.maxConnections ?? Infinity
  measureRequests(app, parts.metrics)
  const info = { name: 'trebuchet_build_info', help: '1, with the version of this software.' }
  new Gauge({ ...info, labelNames: ['version'], registers: [parts.registry] }).set({ version: softwareVersion() }, 1)
  guard(app, parts)
  applyConventions(app)
  await app.register(swagger, openApi({ version: softwareVersion(), ...(publicUrl !== undefined && { publicUrl }) }))
  await parseBodies(app, { maxUploadBytes })
  if (parts.settings.roles.has('api')) {
    await addRoutes(app, parts)
    dashboardRoutes(app)
  }
  healthRoutes(app, parts)
  await app.ready()
  return app
}

function factoryOf(certificates: Certificates): FastifyServerFactory {
  return (listener) => certificates.serve(httpLimits, listener)
}

/** How often a closing server looks for connections whose answer has meanwhile ended. */
const lookForIdleMs = 50

/**
 * No new connections; answers under way may end within `graceMs`, then their connections are cut. Node closes idle
 * connections once, when it is told to close: one whose answer was under way just then would be kept alive for as long
 * as its client likes, so they are looked for until none is left.
 */
export async function closeApp(app: FastifyInstance, graceMs: number): Promise<void> {
  const idle = setInterval(() => app.server.closeIdleConnections(), lookForIdleMs)
  const limit = setTimeout(() => app.server.closeAllConnections(), graceMs)
  try {
    await app.close()
  } finally {
    clearInterval(idle)
    clearTimeout(limit)
  }
}
