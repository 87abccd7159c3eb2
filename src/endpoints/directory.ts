/** The kind `directory`: a folder of files, any bytes; resource `/a/b` is the file `<path>/a/b`. Or the documents in them. */
import { isAbsolute } from 'node:path'
import type { Static } from 'typebox'
import { Type } from '../resources/type.ts'
import { documentsSource, documentsTarget, documentsWatcher } from './directory/documents/view.ts'
import type { DocumentsView } from './directory/documents/chosen.ts'
import { placeOf } from './directory/place.ts'
import { directorySource } from './directory/source.ts'
import { directoryTarget } from './directory/target.ts'
import { directoryWatcher } from './directory/watch.ts'
import { schemaOption } from './documents/schema-option.ts'
import type { EndpointKind } from './endpoint.ts'

const options = Type.Object(
  {
    path: Type.String({
      minLength: 1,
      maxLength: 4096,
      description:
        'The folder. Resource /a/b is the file a/b in it. A relative path begins where the server was started. In a ' +
        'target, the folder .trebuchet at its root is where the server keeps receipts and what is on its way.',
    }),
    view: Type.Optional(
      Type.Union([Type.Literal('bytes'), Type.Literal('resources')], {
        description:
          '`bytes` (the default): each file is a resource, whatever is in it. `resources`: each document in a .yaml, .yml or .json ' +
          'file is one; /foo/1 is written to foo/1.yaml.',
      }),
    ),
    format: Type.Optional(
      Type.Union([Type.Literal('yaml'), Type.Literal('json')], {
        description: 'Of the files that the view `resources` writes; YAML when absent. What is read may be either.',
      }),
    ),
    schema: Type.Optional(schemaOption),
  },
  { additionalProperties: false },
)

export type DirectoryOptions = Static<typeof options>

export const directory: EndpointKind<DirectoryOptions> = {
  name: 'directory',
  title: 'A folder of files',
  options,
  leads: ({ path }) => [{ at: '/path', path }],
  source: (chosen, { cacheFolder, bounds }) => {
    const view = documentsView(chosen)
    if (view !== undefined) return documentsSource(view, bounds?.paths)
    return directorySource(absolute(chosen.path), cacheFolder, bounds?.paths)
  },
  target: (chosen, { cacheFolder, bounds }) => {
    const view = documentsView(chosen)
    if (view !== undefined) return documentsTarget(view, bounds?.paths)
    return directoryTarget(absolute(chosen.path), cacheFolder, bounds?.paths)
  },
  watch: ({ path, view }, { bounds }) =>
    (view === 'resources' ? documentsWatcher : directoryWatcher)(absolute(path), bounds?.paths),
  place: ({ path }) => placeOf(path),
}

function documentsView({ path, view, format = 'yaml', schema }: DirectoryOptions): DocumentsView | undefined {
  return view === 'resources' ? { root: absolute(path), format, schema } : undefined
}

/** With its `..`, which bounds do not admit. */
function absolute(path: string): string {
  return isAbsolute(path) ? path : `${process.cwd()}/${path}`
}
