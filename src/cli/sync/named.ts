import type { DocumentsView } from '../../endpoints/directory/documents/chosen.ts'
import { documentsSource, documentsTarget } from '../../endpoints/directory/documents/view.ts'
import { placeOf } from '../../endpoints/directory/place.ts'
import type { EndpointContext, Source, Target } from '../../endpoints/endpoint.ts'
import type { FileOptions } from '../../endpoints/file/options.ts'
import { fileSource } from '../../endpoints/file/source.ts'
import { fileTarget } from '../../endpoints/file/target.ts'
import type { RestOptions } from '../../endpoints/rest/options.ts'

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

/*
 * What the kinds are made of, without the schemas that a server checks their options with: these here are made by the
 * command line itself, and checking them takes as long as copying a thousand resources.
 */
const installation = 'trebuchet-sync'

/** A file of documents, whatever its name; without a format, as its content says. */
export function fileAt(argument: string, label: string, options: FileOptions): Named {
  return {
    ...{ argument, label, path: options.path, medium: 'file', empty: options.format === 'json' ? '[]\n' : '' },
    at: (path) => fileAt(argument, label, { ...options, path }),
    source: () => fileSource(options),
    target: () => fileTarget(options),
    place: () => placeOf(options.path),
  }
}

/** A directory of documents, a file for each. */
export function folderAt(argument: string, label: string, view: DocumentsView): Named {
  return {
    ...{ argument, label, path: view.root, medium: 'directory' },
    at: (root) => folderAt(argument, label, { ...view, root }),
    source: () => documentsSource(view),
    target: () => documentsTarget(view),
    place: () => placeOf(view.root),
  }
}

/** A service of documents; `asking` is told of each request. */
export async function serviceAt(
  argument: string,
  label: string,
  options: RestOptions,
  asking: EndpointContext['asking'],
): Promise<Named> {
  // Only who speaks with one waits for HTTP to be loaded.
  const { restPlace, restSource, restTarget } = await import('../../endpoints/rest/open.ts')
  const context = { installation, ...(asking !== undefined && { asking }) }
  return {
    ...{ argument, label, medium: 'rest' },
    source: () => restSource(options, context),
    target: () => restTarget(options, context),
    place: async () => restPlace(options),
  }
}
