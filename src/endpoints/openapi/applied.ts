/** What a document is after a package has been applied to it, in a thread. */
import { hash } from 'node:crypto'
import type { MessagePort } from 'node:worker_threads'
import { edited, type Edit } from '../../documents/edit.ts'
import { printIndented } from '../../documents/edit/json.ts'
import { printYaml } from '../../documents/yaml.ts'
import { errorView, ReplicationError } from '../../errors.ts'
import type { PackageChange, PackageReader } from '../../packages/read.ts'
import { comparePaths, type ResourcePath } from '../../resources/path.ts'
import type { DocumentsOrder } from '../delivery-order.ts'
import type { Breath } from '../directory/breath.ts'
import { wholeOf } from '../documents/admit.ts'
import { surplusAmong } from '../documents/surplus.ts'
import type { Told } from '../documents/told.ts'
import type { ResourceResult } from '../endpoint.ts'
import { changesOf, type Removal } from './changing.ts'
import type { Definitions } from './definitions.ts'
import { readText, type Read, type View } from './from.ts'
import { givenBy, type Given } from './given.ts'
import { pathNameOf } from './paths.ts'
import { pathsIn } from './resources.ts'
import { serversIn, serversPath, serversText } from './servers.ts'

export interface Applied {
  /** Undefined when it stays as it is. */
  readonly text: string | undefined
  readonly entries: number
  readonly bytes: number
  readonly results: readonly ResourceResult[]
  readonly failures: readonly ReplicationError[]
}

interface Applying extends View {
  readonly pkg: PackageReader
  readonly order: DocumentsOrder
  readonly port: MessagePort
  readonly signal: AbortSignal
  readonly breath: Breath
  /** What a new document is called. */
  readonly title: string
}

/** `bytes`: undefined for a document that is yet to be made. */
export async function applied(bytes: Uint8Array | undefined, applying: Applying): Promise<Applied> {
  const { pkg, order, port } = applying
  const isNew = bytes === undefined || bytes.every((byte) => byte <= 0x20)
  const { text, format, definitions } = isNew ? fresh(applying) : readText(bytes, applying)
  const surplus = await surplusAmong(() => pathsIn(definitions), pkg, order)
  const { puts, removals, same, servers, ...told } = await read(applying, definitions)
  const { edits, unchanged, removed } = changesOf(definitions, puts, [
    ...removals,
    ...surplus.map((path) => ({ path, deep: true })),
  ])
  if (applying.breath.due) await applying.breath.take()
  const known = new Set(definitions.paths.map(({ path }) => path))
  const outcomeOf = ({ name, path }: Given): ResourceResult['outcome'] =>
    unchanged.has(name) ? 'unchanged' : known.has(path) ? 'updated' : 'created'
  const results: ResourceResult[] = [
    ...same.map((path) => ({ path, outcome: 'unchanged' as const })),
    ...puts.map((one) => ({ path: one.path, outcome: outcomeOf(one) })),
    ...removed.map((path) => ({ path, outcome: 'deleted' as const })),
    ...servers.map(({ outcome }) => ({ path: serversPath, outcome })),
  ]
  port.postMessage({ entries: told.entries, bytes: told.bytes } satisfies Told)
  const all = [...edits, ...servers.map(({ edit }) => edit)]
  return {
    ...told,
    text: all.length > 0 || isNew ? edited(text, format, all, definitions.value) : undefined,
    results: [...results.toSorted((one, other) => comparePaths(one.path, other.path)), ...told.results],
  }
}

/** The package does not say what the document as a whole is: this is the least that makes one. */
function fresh({ title, format = 'yaml', owned }: Applying): Read {
  const value = { openapi: '3.1.0', info: { title, version: '1' }, paths: {} }
  const text = format === 'json' ? printIndented(value) : printYaml(value)
  return readText(Buffer.from(text), { format, owned })
}

interface Changes {
  readonly puts: Given[]
  readonly removals: Removal[]
  /** What is there already. */
  readonly same: ResourcePath[]
  /** What becomes of its `servers`. */
  readonly servers: { readonly edit: Edit; readonly outcome: ResourceResult['outcome'] }[]
  readonly results: ResourceResult[]
  readonly failures: ReplicationError[]
  entries: number
  bytes: number
}

async function read({ pkg, order, port, signal, breath }: Applying, definitions: Definitions): Promise<Changes> {
  const found: Changes = {
    ...{ puts: [], removals: [], same: [], servers: [], results: [], failures: [] },
    ...{ entries: 0, bytes: 0 },
  }
  const { paths, onFailure } = order
  for await (const batch of pkg.batches({ ...(paths !== undefined && { paths }), signal }))
    for (const change of batch) {
      found.entries++
      try {
        await readOne(change, definitions, found)
      } catch (error) {
        if (!(error instanceof ReplicationError) || error.code !== 'invalid') throw error
        const result: ResourceResult = { path: change.entry.path, outcome: 'failed', error: errorView(error) }
        if (onFailure !== 'go-on') {
          port.postMessage({ results: [result] } satisfies Told)
          throw error
        }
        found.results.push(result)
        found.failures.push(error)
      }
      if (breath.due) await breath.take()
    }
  return found
}

async function readOne(change: PackageChange, definitions: Definitions, found: Changes): Promise<void> {
  // What only holds others is no path of a document.
  if (change.kind === 'folder') return
  const { path } = change.entry
  const before = path === serversPath ? serversText(definitions) : undefined
  if (change.kind === 'delete' && before !== undefined) {
    found.servers.push({ edit: { at: ['servers'], value: undefined }, outcome: 'deleted' })
    return
  }
  if (change.kind === 'delete') {
    found.removals.push({ path, deep: change.entry.deep })
    return
  }
  found.bytes += change.entry.size
  const bytes = await wholeOf(path, change.content)
  if (path === serversPath) {
    const value = serversIn(bytes, definitions)
    const outcome = before === undefined ? 'created' : 'updated'
    if (before !== undefined && hash('sha256', before) === change.entry.digest) found.same.push(path)
    else found.servers.push({ edit: { at: ['servers'], value }, outcome })
  } else if (digestAt(path, definitions) === change.entry.digest) found.same.push(path)
  else found.puts.push(givenBy(path, bytes))
}

/** Undefined for what is not there, and for what cannot be told and is replaced. */
function digestAt(path: ResourcePath, definitions: Definitions): string | undefined {
  const name = pathNameOf(path)
  if (name === undefined) return undefined
  try {
    definitions.check([name])
    const text = definitions.text(name)
    return text === undefined ? undefined : hash('sha256', text)
  } catch (error) {
    if (error instanceof ReplicationError) return undefined
    throw error
  }
}
