import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { test } from 'node:test'
import { certificates } from '../../certificates.ts'
import { documentsIn, sourceOf, targetOf } from '../../interop/syncing.ts'

test('a service is trusted by its own authority, and asks for our certificate', async (t) => {
  const files = await certificates(t)
  const [ca, cert, key, otherCa] = await Promise.all(
    [files.ca, files.cert, files.key, files.otherCa].map((file) => readFile(file, 'utf8')),
  )
  assert.ok(ca !== undefined && cert !== undefined && key !== undefined && otherCa !== undefined)
  const options = { ca, cert, key, requestCert: true, rejectUnauthorized: false }
  const service = createServer(options, (request, response) => {
    const id = (request.socket as TLSSocket).getPeerCertificate().subject?.CN ?? 'nobody'
    response.setHeader('content-type', 'application/json').end(JSON.stringify([{ id }]))
  })
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    service.closeAllConnections()
    service.close()
  })
  const url = `https://127.0.0.1:${(service.address() as AddressInfo).port}/names`
  const read = async (tls: object): Promise<string[]> =>
    Object.keys(await documentsIn(sourceOf(t, { url, tls, attempts: 1 })))
  assert.deepEqual(await read({ ca, cert, key }), ['/names/redis'])
  assert.deepEqual(await read({ ca }), ['/names/nobody'])
  const tested = async (tls: object): Promise<string[]> => {
    const steps: string[] = []
    const signal = new AbortController().signal
    for await (const { step, ok, detail } of targetOf(t, { url, tls, attempts: 1 }).test(signal))
      if (step === 'tls') steps.push(`${ok}: ${detail}`)
    return steps
  }
  assert.match((await tested({ ca, cert, key })).join(), /^true: TLSv1\.[23]; certificate from ca, valid until 20\d\d-/)
  assert.match((await tested({ ca: otherCa })).join(), /^false: TLS is refused: (UNABLE_TO_VERIFY|SELF_SIGNED|CERT)/)
  for (const tls of [{}, { ca: otherCa }])
    await assert.rejects(read(tls), {
      code: 'unavailable',
      message: /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED|CERT/,
    })
})
