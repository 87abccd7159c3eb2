/** A server that speaks TLS and asks its callers for a certificate. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { pino } from 'pino'
import { pull } from '../../src/endpoints/pull.ts'
import { remote } from '../../src/endpoints/remote.ts'
import { startServer } from '../../src/server.ts'
import { loadSettings } from '../../src/settings.ts'
import { Certificates } from '../../src/tls.ts'
import { certificates } from '../certificates.ts'
import { trebuchet } from '../cli/program.ts'
import { engineSettings } from '../home.ts'
import { imageConfig } from '../image.ts'

const folder = mkdtempSync(join(tmpdir(), 'tls-'))
const made = { after: (fn: () => Promise<void>) => after(fn) } as unknown as Parameters<typeof certificates>[0]
const [own, next] = [await certificates(made), await certificates(made)]
const at = (name: string): string => join(folder, name)
const present = ({ cert, key, ca }: typeof own): void => {
  for (const [file, name] of [
    [cert, 'cert'],
    [key, 'key'],
    [ca, 'ca'],
  ] as const)
    copyFileSync(file, at(name))
}
present(own)
const environment = {
  ...{ HOST: '127.0.0.1', PORT: '0', DATA_DIR: at('data'), CONFIG_DIR: at('config') },
  ...{ TLS_CERT_FILE: at('cert'), TLS_KEY_FILE: at('key'), TLS_CLIENT_CA_FILE: at('ca') },
  ...engineSettings(folder),
}
const lines: string[] = []
const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })
const server = await startServer(loadSettings(environment), log, () => loadSettings(environment))
after(async () => {
  await server.close()
  rmSync(folder, { recursive: true })
})
const pem = (file: string): string => readFileSync(file, 'utf8')
const ours = { ca: pem(own.ca), cert: pem(own.cert), key: pem(own.key) }
const port = Number(new URL(server.url).port)
const status = '/replication/agent'

interface Reply {
  readonly status: number | undefined
  readonly body: string
  readonly headers: Readonly<Record<string, unknown>>
  readonly reused: boolean
}

function ask(path: string, options: object): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asking = request({ host: '127.0.0.1', port, path, ...options }, (response) => {
      let body = ''
      const reused = (response.socket as TLSSocket).isSessionReused()
      response.setEncoding('utf8').on('data', (text: string) => (body += text))
      response.on('end', () => resolve({ status: response.statusCode, body, headers: response.headers, reused }))
    })
    asking.on('error', reject).end()
  })
}

test('with TLS the server serves who has a certificate of the authority that it names', async () => {
  assert.match(server.url, /^https:/)
  assert.equal((await ask(status, ours)).status, 200)
  const strict = async (host: string): Promise<unknown> =>
    (await ask(status, { ...ours, headers: { host }, checkServerIdentity: () => undefined })).headers[
      'strict-transport-security'
    ]
  assert.equal(await strict('author.example'), 'max-age=31536000')
  assert.equal(await strict(`localhost:${port}`), undefined, 'it would hold for all servers of the machine')
})

test('no certificate, or that of a stranger: 403 wherever something could be learnt; whether it lives is said', async () => {
  const stranger = { ca: ours.ca, cert: pem(own.otherCa), key: pem(own.otherKey) }
  for (const [options, why] of [
    [{ ca: ours.ca }, /callers need a certificate/],
    [stranger, /not one that TLS_CLIENT_CA has signed/],
  ] as const) {
    for (const path of [status, '/openapi.json', '/metrics', '/nothing', '/']) {
      const { status: code, body } = await ask(path, options)
      assert.equal(code, 403, path)
      assert.match(body, why)
    }
    assert.equal((await ask('/health/ready', options)).status, 200)
  }
})

test('resumption: a connection that resumes one without a certificate has none either', async () => {
  const session = (options: ConnectionOptions): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', ...options }, () => {
        socket.once('session', (found: Buffer) => {
          socket.destroy()
          resolve(found)
        })
        socket.write('GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n')
      }).on('error', reject)
    })
  const naive = createServer({
    cert: ours.cert,
    key: ours.key,
    ca: ours.ca,
    requestCert: true,
    rejectUnauthorized: false,
  })
  naive.on('request', (request, response) => response.end(String((request.socket as TLSSocket).authorized)))
  await new Promise<void>((resolve) => naive.listen(0, '127.0.0.1', resolve))
  const naivePort = (naive.address() as AddressInfo).port
  const resuming = async (port: number, path: string): Promise<Reply> =>
    ask(path, { port, ca: ours.ca, agent: false, session: await session({ port, ca: ours.ca }) })
  const fooled = await resuming(naivePort, '/')
  naive.close().closeAllConnections()
  // Node.js 20 takes it for authorized, later lines do not.
  const before24 = Number(process.versions.node.split('.')[0]) < 24
  assert.deepEqual([fooled.reused, fooled.body], [true, String(before24)])
  const { status: code, reused } = await resuming(port, status)
  assert.deepEqual([reused, code], [true, 403])
})

test('downgrade: TLS 1.1 is not spoken', async () => {
  const old = { ...ours, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }
  await assert.rejects(ask(status, old), /alert protocol version|EPROTO|unsupported protocol/)
  assert.equal((await ask(status, { ...ours, maxVersion: 'TLSv1.2' })).status, 200)
})

test('another server presents its certificate where it delivers and where it pulls', async () => {
  const url = server.url
  const context = { installation: 'test' }
  const { signal } = new AbortController()
  const stepsWith = async (more: object): Promise<Record<string, string>> => {
    const target = remote.target?.({ url, agent: 'nobody', ...more } as never, context)
    const steps: Record<string, string> = {}
    for await (const { step, ok } of target?.test?.(signal) ?? []) steps[step] = String(ok)
    return steps
  }
  assert.equal((await stepsWith({}))['tls'], 'false')
  assert.equal((await stepsWith({ tls: ours }))['answer'], 'true')
  const puller = (more: object) => pull.puller?.({ url, agent: 'nobody', queue: 'q', ...more } as never, context)
  await assert.rejects(async () => puller({ tls: { ca: ours.ca } })?.next(signal), { code: 'forbidden' })
  await assert.rejects(async () => puller({ tls: ours })?.next(signal), { code: 'missing' })
})

test('the command line presents its certificate', async () => {
  const files = ['--ca', own.ca, '--cert', own.cert, '--key', own.key]
  const listed = await trebuchet(folder, ['agent', 'list', '--server', server.url, ...files], {})
  assert.equal(listed.code, 0, listed.stderr)
  const [TREBUCHET_CA, TREBUCHET_CERT, TREBUCHET_KEY] = [own.ca, own.cert, own.key]
  const env = { TREBUCHET_SERVER: server.url, TREBUCHET_CA, TREBUCHET_CERT, TREBUCHET_KEY }
  assert.equal((await trebuchet(folder, ['agent', 'list'], { env })).code, 0)
  const half = await trebuchet(folder, ['agent', 'list', '--server', server.url, '--cert', own.cert], {})
  assert.match(half.stderr, /--cert and --key go together/)
})

test('the health check of the image works over TLS', async () => {
  const [command = '', ...args] = imageConfig().healthCheck
  const env = { PATH: process.env['PATH'], PORT: String(port), TLS_CERT_FILE: at('cert') }
  await promisify(execFile)(command, args, { env })
  await assert.rejects(promisify(execFile)(command, args, { env: { ...env, TLS_CERT_FILE: '' } }), 'it is no HTTP')
})

test('another certificate is taken over without cutting anybody off; one that cannot be used is not', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const before = await ask(status, { ...ours, agent })
  assert.equal(before.status, 200)
  writeFileSync(at('key'), pem(next.key))
  server.readCertificates?.()
  assert.match(lines.join(''), /the certificates have changed and cannot be used/)
  assert.equal((await ask(status, { ...ours, agent: false })).status, 200)
  present(next)
  server.readCertificates?.()
  assert.match(lines.join(''), /certificates read again/)
  assert.equal((await ask(status, { ...ours, agent })).status, 200, 'the connection of before')
  agent.destroy()
  await assert.rejects(ask(status, { ...ours, agent: false }), /certificate/)
  const theirs = { ca: pem(next.ca), cert: pem(next.cert), key: pem(next.key), agent: false }
  assert.equal((await ask(status, theirs)).status, 200)
})

test('what cannot be used stops the start, in one line; what ends soon is warned of', () => {
  const settings = { tlsCert: ours.cert, tlsKey: ours.key, tlsClientCa: ours.ca }
  assert.throws(() => Certificates.of({ tlsCert: ours.cert }), /needs both TLS_CERT and TLS_KEY/)
  assert.throws(() => Certificates.of({ ...settings, tlsKey: pem(next.key) }), /TLS_KEY .* cannot be used: .*key/)
  assert.deepEqual(Certificates.of({}), undefined)
  const certificates = Certificates.of(settings)
  assert.deepEqual(certificates?.warnings(Date.now() - 30 * 86_400_000), [])
  assert.match(certificates?.warnings()[0] ?? '', /^the certificate in TLS_CERT ends at /)
  assert.match(certificates?.warnings(Date.now() + 3 * 86_400_000)[0] ?? '', /has ended/)
})
