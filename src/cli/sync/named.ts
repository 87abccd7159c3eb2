import type { EndpointContext, Source, Target } from '../../endpoints/endpoint.ts'
import { kinds } from '../../endpoints/kinds.ts'
import { checkerOf } from '../../resources/schema.ts'
import { usage } from '../ending.ts'

/** One argument of the command line: what it names, and how to speak with it. */
export interface Named {
  readonly argument: string
  /** As messages name it: `DirectoryEndpoint('d')`. */
  readonly label: string
  readonly medium: 'pipe' | 'null' | 'file' | 'directory' | 'rest'
  /** Of a file or directory, absolute. */
  readonly path?: string
  /** The same, of another file or folder. */
  readonly at?: (path: string) => Named
  /** Of a file without resources: what stands in it. */
  readonly empty?: string
  readonly source: () => Source
  readonly target: () => Target
  /** As an EndpointKind's: endpoints overlap when one's place begins with the other's. */
  readonly place: () => Promise<readonly string[]>
}

const context: EndpointContext = { installation: 'trebuchet-sync' }

interface FileOptions {
  readonly path: string
  /** Absent: as its content says. */
  readonly format?: string
  readonly schema: string
}

/** A file of documents, whatever its name. */
export function fileAt(argument: string, label: string, options: FileOptions): Named {
  return {
    ...{ argument, label, path: options.path, medium: 'file', empty: options.format === 'json' ? '[]\n' : '' },
    at: (path) => fileAt(argument, label, { ...options, path }),
    ...ofKind(argument, 'file', options),
  }
}

interface FolderOptions {
  readonly path: string
  readonly format: string
  readonly schema: string
}

/** A directory of documents, a file for each. */
export function folderAt(argument: string, label: string, options: FolderOptions): Named {
  return {
    ...{ argument, label, path: options.path, medium: 'directory' },
    at: (path) => folderAt(argument, label, { ...options, path }),
    ...ofKind(argument, 'directory', { view: 'resources', ...options }),
  }
}

/** What the kind can do with these options. Throws a usage error when it does not take them. */
export function ofKind(argument: string, name: string, options: unknown): Pick<Named, 'source' | 'target' | 'place'> {
  const kind = kinds.find((one) => one.name === name)
  const { source, target } = kind ?? {}
  if (kind === undefined || source === undefined || target === undefined)
    throw usage(`this build can not read and write endpoints of the kind ${name}`)
  // An option that a kind does not know would not be ignored without harm.
  const faults = checkerOf(kind.options)(options).map(({ pointer, message }) => `${pointer.slice(1)} ${message}`)
  if (faults.length > 0) throw usage(`${argument}: ${faults.join('; ')}`)
  return {
    source: () => source(options, context),
    target: () => target(options, context),
    place: () => kind.place(options),
  }
}
