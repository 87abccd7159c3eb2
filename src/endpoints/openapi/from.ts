/** The document's bytes, in a thread. */
import { closeSync } from 'node:fs'
import type { Stats } from 'node:fs'
import type { Breath } from '../directory/breath.ts'
import { chunksOf, opened } from '../file/open.ts'
import { definitionsIn, formatIn, maxBytes, textOf, tooLarge, type Format } from './text.ts'
import type { Definitions } from './definitions.ts'

/** Where a document is read from: a file, or bytes that came from elsewhere. */
export type From = { readonly file: string } | { readonly bytes: Uint8Array }

export interface View {
  readonly format: Format | undefined
  readonly owned: readonly string[]
}

export interface Read {
  readonly text: string
  readonly format: Format
  readonly definitions: Definitions
}

/** Throws `invalid`. */
export function readText(bytes: Uint8Array, view: View): Read {
  const text = textOf(bytes)
  const format = view.format ?? formatIn(text)
  return { text, format, definitions: definitionsIn(text, format, view.owned) }
}

/** Undefined when there is no such file. Throws `too-large`, and what opening does. */
export async function bytesOf(file: string, breath: Breath): Promise<{ bytes: Buffer; stats: Stats } | undefined> {
  const open = opened(file, (fd, stats) => ({ fd, stats }))
  if (open === undefined) return undefined
  try {
    if (open.stats.size > maxBytes) throw tooLarge()
    const bytes = Buffer.allocUnsafe(open.stats.size)
    let at = 0
    for await (const chunk of chunksOf(open.fd, open.stats, breath)) {
      bytes.set(chunk.subarray(0, bytes.length - at), at)
      at += chunk.length
    }
    return { bytes, stats: open.stats }
  } finally {
    closeSync(open.fd)
  }
}
