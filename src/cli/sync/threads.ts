import { startAhead } from '../../threads/pool.ts'
import type { Named } from './named.ts'

/*
 * A thread takes as long to start, with what it loads, as to copy a hundred resources. So those that a run will want start
 * while it still does something else; a wrong guess costs no more than that.
 */

const fileEnding = /\.(?:ya?ml|json|ndjson|jsonl)$/i

export function startReaders(origins: readonly string[]): void {
  for (const origin of origins) {
    if (origin === 'null' || /^https?:\/\//i.test(origin)) continue
    if (origin === '-' || fileEnding.test(origin))
      startAhead(new URL('../../endpoints/file/read-thread.js', import.meta.url))
    else startAhead(new URL('../../endpoints/directory/documents/read-thread.js', import.meta.url))
  }
}

export function startWriter({ medium }: Named): void {
  if (medium === 'file') startAhead(new URL('../../endpoints/file/apply-thread.js', import.meta.url))
  if (medium === 'directory')
    startAhead(new URL('../../endpoints/directory/documents/apply-thread.js', import.meta.url))
}
