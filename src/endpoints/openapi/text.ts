/** The text of a document, and what it is written in. */
import { extname } from 'node:path'
import { parseJson } from '../../documents/json.ts'
import { formatOf } from '../../documents/streams/read.ts'
import type { Value } from '../../documents/value.ts'
import { parseYaml } from '../../documents/yaml.ts'
import { ReplicationError } from '../../errors.ts'
import { Definitions } from './definitions.ts'
import { Owned } from './owned.ts'

export const maxBytes = 64 * 1024 * 1024

export type Format = 'json' | 'yaml'

export function tooLarge(): ReplicationError {
  return new ReplicationError('too-large', `the OpenAPI document is larger than ${maxBytes} bytes`)
}

/** Undefined for an ending that says nothing. */
export function formatNamed(path: string): Format | undefined {
  switch (extname(path).toLowerCase()) {
    case '.json':
      return 'json'
    case '.yaml':
    case '.yml':
      return 'yaml'
    default:
      return undefined
  }
}

export function formatIn(text: string): Format {
  return formatOf(text.slice(0, 1000).replace(/^\ufeff/, '')) === 'json' ? 'json' : 'yaml'
}

/** With a mark of byte order, where there is one. Throws `invalid`. */
export function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new ReplicationError('invalid', 'the OpenAPI document is not in UTF-8', { cause })
  }
}

/** Throws `invalid`. */
export function definitionsIn(text: string, format: Format, owned: readonly string[]): Definitions {
  try {
    const plain = text.replace(/^\ufeff/, '')
    const value: Value | undefined = format === 'json' ? parseJson(plain) : parseYaml(plain)
    return new Definitions(value ?? null, new Owned(owned))
  } catch (error) {
    if (!(error instanceof ReplicationError)) throw error
    throw new ReplicationError(error.code, `the OpenAPI document: ${error.message}`, { cause: error })
  }
}
