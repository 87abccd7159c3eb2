import { a, delta, folder, packageOf } from '../draft.ts'

// Nobody could ever send all of it.
export const message = /bytes of content, and that is the limit here/
export const bytes = (): Buffer =>
  packageOf({ ...delta, lines: [folder, a.replace('"size":6', `"size":${2 ** 40}`), ...delta.lines.slice(2)] })
