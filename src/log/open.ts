import { pino, type DestinationStream, type Logger } from 'pino'
import { errorFacts } from './error-facts.ts'
import { scrub } from './scrub.ts'

/** What headers and options are never logged with, wherever they stand in the facts of a line. */
const hidden = ['authorization', 'cookie', 'set-cookie', 'x-api-key', 'password', 'secret', 'token'].flatMap((name) => [
  `["${name}"]`,
  `*["${name}"]`,
])

/** The log of the process: one JSON object for each line, without secrets. */
export function openLog(level: string, to?: DestinationStream): Logger {
  const options = {
    ...{ name: 'trebuchet', level, serializers: { err: errorFacts } },
    redact: { paths: hidden, censor: '***' },
    hooks: { streamWrite: scrub },
  }
  return to === undefined ? pino(options) : pino(options, to)
}
