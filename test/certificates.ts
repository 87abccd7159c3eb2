import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'

interface Certificates {
  readonly ca: string
  readonly cert: string
  readonly key: string
  readonly otherCa: string
  readonly otherKey: string
}

/** Files of an authority, of what it has signed for 127.0.0.1, and of an authority that has signed nothing. */
export async function certificates(t: TestContext): Promise<Certificates> {
  const folder = await mkdtemp(join(tmpdir(), 'redis-tls-'))
  t.after(() => rm(folder, { recursive: true }))
  const at = (name: string): string => join(folder, name)
  const openssl = (...args: string[]): Promise<unknown> => promisify(execFile)('openssl', args, { cwd: folder })
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  for (const name of ['ca', 'other'])
    await openssl('req', '-x509', ...curve, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.pem`)
  writeFileSync(at('names'), 'subjectAltName=IP:127.0.0.1')
  await openssl('req', ...curve, '-subj', '/CN=redis', '-keyout', 'redis.key', '-out', 'redis.csr')
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names', '-days', '2']
  await openssl('x509', '-req', '-in', 'redis.csr', ...signed, '-out', 'redis.pem')
  return {
    ca: at('ca.pem'),
    cert: at('redis.pem'),
    key: at('redis.key'),
    otherCa: at('other.pem'),
    otherKey: at('other.key'),
  }
}
