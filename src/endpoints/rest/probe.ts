/** Whether a service can be reached, read and written, as far as that can be told without changing anything. */
import type { TestStep } from '../endpoint.ts'
import { remark, stepsOfAll, type Step } from '../step.ts'
import { languageOf } from './body.ts'
import { refusal } from './patience.ts'
import type { Service } from './service.ts'
import type { Reply } from './reply.ts'

export async function* stepsOf(service: Service, signal: AbortSignal): AsyncGenerator<TestStep, void, void> {
  const isWebdav = service.chosen.listing === 'webdav'
  const uri = service.addresses.starts[0]?.uri ?? service.chosen.url
  let reply: Reply | undefined
  const steps: Step[] = [
    ...service.client.reachSteps(signal),
    [
      'answer',
      async () => {
        reply = isWebdav
          ? await service.client.ask('PROPFIND', uri, { signal, headers: { depth: '0' } })
          : await service.client.ask('GET', uri, { signal })
        reply.rest?.destroy()
        return remark(`status ${reply.status}`)
      },
    ],
    ['auth', () => (reply?.status === 401 || reply?.status === 403 ? whyNot(uri, reply) : undefined)],
    ['read', () => (reply === undefined ? undefined : readFault(uri, reply, isWebdav))],
    ['write', () => writeFault(service, uri, signal)],
  ]
  yield* stepsOfAll(steps, signal)
}

function whyNot(uri: string, reply: Reply): string {
  return refusal('GET', uri, reply).message
}

/** What is not there yet may come to be by writing. */
function readFault(uri: string, reply: Reply, isWebdav: boolean): string | undefined {
  if (reply.status === 404 || reply.status === 410) return undefined
  if (reply.status >= 300) return whyNot(uri, reply)
  if (isWebdav) return reply.status === 207 ? undefined : `${uri} is no WebDAV folder`
  return reply.status === 204 || languageOf(reply) !== undefined
    ? undefined
    : `${uri} answers neither JSON nor YAML; its collections can be named in \`collections\``
}

/** A service that does not say what it allows may allow anything. */
export async function writeFault(
  { client }: Pick<Service, 'client'>,
  uri: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const reply = await client.ask('OPTIONS', uri, { signal })
  reply.rest?.destroy()
  if (reply.status === 401 || reply.status === 403) return refusal('OPTIONS', uri, reply).message
  return undefined
}
