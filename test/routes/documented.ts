import assert from 'node:assert/strict'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'

export interface Operation {
  readonly operationId?: string
  readonly summary?: string
  readonly tags?: readonly string[]
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean }[]
  readonly requestBody?: {
    readonly required?: boolean
    readonly content: Record<string, { readonly schema: object }>
  }
  readonly responses: Record<string, Answer>
}
interface Answer {
  readonly description: string
  readonly content?: Record<string, { readonly schema: object }>
}
export interface Document {
  readonly openapi: string
  readonly components: { readonly schemas: Record<string, object> }
  readonly paths: Record<string, Record<string, Operation>>
}

export function documentOf(app: FastifyInstance): Document {
  return app.swagger() as unknown as Document
}

/** Compiles schemas as they stand in the document, references into it included; formats of ours are known by name. */
export function documentAjv(document: Document): Ajv2020 {
  const ajv = new Ajv2020({ strict: false, allErrors: true, discriminator: false })
  formats.default(ajv)
  for (const format of ['resource-path', 'glob', 'origin', 'binary']) ajv.addFormat(format, true)
  ajv.addSchema(document, 'openapi')
  return ajv
}

export function pointer(...steps: readonly string[]): string {
  return steps.map((step) => `/${encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1'))}`).join('')
}

/** Asserts of an answer below `/replication` that the document promises its status, media type and body. */
export function answerChecker(
  app: FastifyInstance,
): (options: InjectOptions | string, response: LightMyRequestResponse) => void {
  const document = documentOf(app)
  const ajv = documentAjv(document)
  return (options, response) => {
    const { url, method = 'GET' } = typeof options === 'string' ? { url: options } : options
    const path = String(url).split('?', 1)[0] ?? ''
    const found = [path, ...Object.keys(document.paths)].find(
      (template) => template in document.paths && matches(template, path),
    )
    const operation = document.paths[found ?? '']?.[method.toLowerCase()]
    if (found === undefined || operation === undefined) return
    const status = String(response.statusCode)
    const answer =
      operation.responses[status] ?? (response.statusCode >= 400 ? operation.responses['default'] : undefined)
    assert.ok(answer !== undefined, `${method} ${path}: the document promises no ${status}`)
    const type = String(response.headers['content-type'] ?? '').split(';', 1)[0] ?? ''
    if (answer.content === undefined) return assert.equal(response.body, '')
    assert.ok(type in answer.content, `${method} ${path}: the document promises no ${type}`)
    if (!type.includes('json')) return
    const key = status in operation.responses ? status : 'default'
    const schema = `openapi#${pointer('paths', found, method.toLowerCase(), 'responses', key, 'content', type, 'schema')}`
    const validate = ajv.getSchema(schema)
    assert.ok(validate !== undefined, schema)
    assert.ok(validate(response.json()), `${method} ${path}: ${JSON.stringify(validate.errors)} ${response.body}`)
  }
}

function matches(template: string, path: string): boolean {
  const wanted = template.split('/')
  const parts = path.split('/')
  return wanted.length === parts.length && wanted.every((want, i) => want.startsWith('{') || want === parts[i])
}
