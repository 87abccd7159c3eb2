import type { Tracing, TracingLog } from './otel.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Whether the standard variables ask for traces. */
function isWanted(env: Environment): boolean {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return false
  const exporter = env['OTEL_TRACES_EXPORTER'] || undefined
  if (exporter !== undefined) return exporter.split(',').includes('otlp')
  return Boolean(env['OTEL_EXPORTER_OTLP_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'])
}

/** Begins to trace this process, if its environment asks for that; otherwise nothing of it is even loaded. */
export async function openTracing(env: Environment, log: TracingLog, version: string): Promise<Tracing | undefined> {
  if (!isWanted(env)) return undefined
  const { startTracing } = await import('./otel.ts')
  return startTracing(log, version)
}
