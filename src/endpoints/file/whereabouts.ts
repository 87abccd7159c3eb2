import { createHash } from 'node:crypto'
import { basename, dirname, extname } from 'node:path'
import type { StreamFormat } from '../../documents/streams/read.ts'
import { plainPath, type PathBounds } from '../bounds/paths.ts'

/** Where a file endpoint is, links resolved. */
export interface Whereabouts {
  readonly file: string
  readonly folder: string
  readonly name: string
  /** The name of the folder beside it in which receipts are kept, and what is on its way. */
  readonly own: string
}

/** Throws `invalid` when no file can be there, `forbidden` when none may. */
export async function whereabouts(path: string, paths: PathBounds | undefined): Promise<Whereabouts> {
  const file = await plainPath(path, paths)
  const name = basename(file)
  return { file, folder: dirname(file), name, own: ownNameOf(name) }
}

const longestName = 255

function ownNameOf(name: string): string {
  const own = `.trebuchet-${name}`
  if (Buffer.byteLength(own) <= longestName) return own
  return `.trebuchet-${createHash('sha256').update(name).digest('hex').slice(0, 32)}`
}

/** Undefined for an ending that says nothing. */
export function formatNamed(path: string): StreamFormat | undefined {
  switch (extname(path).toLowerCase()) {
    case '.yaml':
    case '.yml':
      return 'yaml'
    case '.json':
      return 'json'
    case '.ndjson':
    case '.jsonl':
      return 'ndjson'
    default:
      return undefined
  }
}
