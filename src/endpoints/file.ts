/** The kind `file`: resources that are documents, all in one file of YAML, JSON or JSON on lines. */
import { placeOf } from './directory/place.ts'
import type { EndpointKind } from './endpoint.ts'
import { fileCopy } from './file/copy.ts'
import { fileOptions, type FileOptions } from './file/options.ts'
import { fileSource } from './file/source.ts'
import { fileTarget } from './file/target.ts'

export const file: EndpointKind<FileOptions> = {
  name: 'file',
  title: 'Documents in one file',
  options: fileOptions,
  leads: ({ path }) => [{ at: '/path', path }],
  source: (options, { bounds }) => fileSource(options, bounds?.paths),
  target: (options, { bounds }) => fileTarget(options, bounds?.paths),
  place: ({ path }) => placeOf(path),
  copyTo: fileCopy,
}
