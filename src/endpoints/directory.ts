/** The kind `directory`: a folder of files, any bytes; resource `/a/b` is the file `<path>/a/b`. */
import { resolve } from 'node:path'
import { Type, type Static } from 'typebox'
import { placeOf } from './directory/place.ts'
import { directorySource } from './directory/source.ts'
import { directoryTarget } from './directory/target.ts'
import { directoryWatcher } from './directory/watch.ts'
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
  },
  { additionalProperties: false },
)

export type DirectoryOptions = Static<typeof options>

export const directory: EndpointKind<DirectoryOptions> = {
  name: 'directory',
  title: 'A folder of files',
  options,
  source: ({ path }) => directorySource(resolve(path)),
  target: ({ path }) => directoryTarget(resolve(path)),
  watch: ({ path }) => directoryWatcher(resolve(path)),
  place: ({ path }) => placeOf(path),
}
