/** Sources and targets of which the tables of resynchronising hold, whatever kind they are of. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { textAt } from './trees.ts'

export type Side = 'source' | 'target'

/** What a side holds: `A` is at the path `/A`, and its version is any text. Undefined: nothing. */
export interface Pair {
  readonly endpoints: Readonly<Record<Side, { readonly kind: string; readonly path: string }>>
  set(side: Side, name: string, version: string | undefined): void
  get(side: Side, name: string): string | undefined
}

export type PairKind = (folder: string) => Pair

export const directoryPair: PairKind = (folder) => {
  const at = (side: Side, name: string): string => join(folder, side, name)
  for (const side of ['source', 'target'] as const) mkdirSync(join(folder, side), { recursive: true })
  return {
    endpoints: {
      source: { kind: 'directory', path: join(folder, 'source') },
      target: { kind: 'directory', path: join(folder, 'target') },
    },
    set: (side, name, version) => {
      if (version === undefined) rmSync(at(side, name), { force: true })
      else {
        mkdirSync(dirname(at(side, name)), { recursive: true })
        writeFileSync(at(side, name), version)
      }
    },
    get: (side, name) => textAt(join(folder, side), name),
  }
}

interface Document {
  paths: Record<string, { get?: { summary: string } }>
}

/** Each resource is a path of the document. */
export const openapiPair: PairKind = (folder) => {
  mkdirSync(folder, { recursive: true })
  const at = (side: Side): string => join(folder, `${side}.json`)
  const read = (side: Side): Document => JSON.parse(readFileSync(at(side), 'utf8')) as Document
  for (const side of ['source', 'target'] as const)
    writeFileSync(
      at(side),
      JSON.stringify(
        { openapi: '3.1.0', info: { title: side, version: '1' }, paths: {}, 'x-policies': [side] },
        null,
        2,
      ),
    )
  return {
    endpoints: {
      source: { kind: 'openapi', path: at('source') },
      target: { kind: 'openapi', path: at('target') },
    },
    set: (side, name, version) => {
      const document = read(side)
      if (version === undefined) delete document.paths[`/${name}`]
      else
        document.paths[`/${name}`] = { get: { summary: version, responses: { 200: { description: 'ok' } } } } as never
      writeFileSync(at(side), JSON.stringify(document, null, 2))
    },
    get: (side, name) => read(side).paths[`/${name}`]?.get?.summary,
  }
}
