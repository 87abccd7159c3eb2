import { printJson } from '../json.ts'
import type { Value } from '../value.ts'
import { printYaml } from '../yaml.ts'
import type { StreamFormat } from './read.ts'

/** What a stream of documents is written as: the same documents give the same bytes. */
export interface StreamWriter {
  /** A document, with what goes before it. */
  document(value: Value): string
  /** What goes behind the last one. */
  end(): string
}

export function streamWriter(format: StreamFormat): StreamWriter {
  switch (format) {
    case 'yaml':
      return { document: (value) => `---\n${printYaml(value)}`, end: () => '' }
    case 'ndjson':
      return { document: (value) => `${printJson(value)}\n`, end: () => '' }
    case 'json':
      return listWriter()
  }
}

/** A list with a document on each line, so that lines can be compared and merged. */
function listWriter(): StreamWriter {
  let before = '[\n'
  return {
    document: (value) => {
      const text = `${before}${printJson(value)}`
      before = ',\n'
      return text
    },
    end: () => (before === '[\n' ? '[]\n' : '\n]\n'),
  }
}
