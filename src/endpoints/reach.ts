/** The way to a server, step by step: its name, a connection, TLS. Each is tried by itself, so that it can be seen which fails. */
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { connect as connectTo, isIP, type LookupFunction, type Socket } from 'node:net'
import { connect as secure, type ConnectionOptions } from 'node:tls'
import { ReplicationError } from '../errors.ts'
import type { HostBounds } from './bounds/hosts.ts'
import { remark, type Step } from './step.ts'

/** As long as calls wait for a connection. */
const connectMs = 10_000

/** Who speaks, and where he may. */
interface Manner {
  readonly tls?: ConnectionOptions | undefined
  readonly hosts: HostBounds | undefined
}

/** `name`, `connect` and, where it is https, `tls`; they say the address and the end of the certificate. */
export function reachSteps(url: string, signal: AbortSignal, { tls = {}, hosts }: Manner): Step[] {
  const { hostname, port, protocol } = new URL(url)
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  const isSecure = protocol === 'https:'
  const at = {
    ...{ host, port: Number(port === '' ? (isSecure ? 443 : 80) : port) },
    ...(hosts !== undefined && { lookup: hosts.lookup }),
  }
  return [
    ['name', async () => remark(await addressesOf(host, hosts))],
    [
      'connect',
      async () => {
        await hosts?.demand(host)
        const socket = connectTo(at)
        await opened(socket, 'connect', signal)
        return remark(`${socket.remoteAddress ?? host} port ${at.port}`)
      },
    ],
    ...(isSecure
      ? [
          [
            'tls',
            async () => {
              await hosts?.demand(host)
              return remark(await greeted(at, tls, signal))
            },
          ] satisfies Step,
        ]
      : []),
  ]
}

async function addressesOf(host: string, hosts: HostBounds | undefined): Promise<string> {
  await hosts?.demand(host)
  if (isIP(host) !== 0) return host
  try {
    const found = await (hosts?.addressesOf(host) ?? lookup(host, { all: true }))
    return found.map(({ address }) => address).join(', ')
  } catch (cause) {
    if (cause instanceof ReplicationError) throw cause
    throw new ReplicationError('unavailable', `the name ${host} cannot be resolved: ${codeOf(cause)}`, { cause })
  }
}

async function greeted(
  at: { readonly host: string; readonly port: number; readonly lookup?: LookupFunction },
  tls: ConnectionOptions,
  signal: AbortSignal,
): Promise<string> {
  const socket = secure({ ...at, ...(isIP(at.host) === 0 && { servername: at.host }), ...tls })
  let said = ''
  socket.once('secureConnect', () => {
    const { valid_to: until, issuer } = socket.getPeerCertificate()
    const from = String(issuer?.CN ?? issuer?.O ?? 'somebody unnamed')
    said = `${socket.getProtocol() ?? 'TLS'}; certificate from ${from}, valid until ${new Date(until).toISOString()}`
  })
  await opened(socket, 'secureConnect', signal)
  return said
}

async function opened(socket: Socket, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<void> {
  try {
    await once(socket, event, { signal: AbortSignal.any([signal, AbortSignal.timeout(connectMs)]) })
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof ReplicationError) throw cause
    const why = cause instanceof Error && cause.name === 'AbortError' ? `no answer in ${connectMs} ms` : codeOf(cause)
    const what = event === 'connect' ? 'no connection' : 'TLS is refused'
    throw new ReplicationError('unavailable', `${what}: ${why}`, { cause })
  } finally {
    // Whatever it says when it is closed concerns nobody.
    socket.on('error', () => undefined).destroy()
  }
}

function codeOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code ?? message
}
