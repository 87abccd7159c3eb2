import { createHash } from 'node:crypto'
import { structuredPatch } from 'diff'

/** What is different between two texts, for a person to read. */
export type TextDifference =
  | {
      readonly kind: 'diff'
      /** The hunks of a unified diff from the target to the source; empty for equal texts. */
      readonly diff: string
      /** Lines of it that are left out behind the last. */
      readonly leftOut?: number
    }
  | { readonly kind: 'too-large'; readonly source?: Extent; readonly target?: Extent }

interface Extent {
  /** SHA-256 of the text as UTF-8, in hexadecimal. */
  readonly digest: string
  /** Bytes. */
  readonly size: number
}

interface TextOptions {
  /** The most that the diff may have, as UTF-8. */
  readonly maxBytes?: number
}

const maxInput = 1024 * 1024
const maxLines = 20_000
/** Lines removed and added. More differences than these nobody reads; and finding them takes this times the number of lines. */
const maxEditLength = 2000
/** For texts that take long in spite of the limits. */
const timeoutMs = 1000

/**
 * How the target's text becomes the source's; undefined is an absent one. What is beyond a megabyte, or has too many lines or
 * differences, is answered by digests and sizes.
 */
export function textDifference(
  { source, target }: { readonly source: string | undefined; readonly target: string | undefined },
  { maxBytes = 64 * 1024 }: TextOptions = {},
): TextDifference {
  const patch = isTooLong(source) || isTooLong(target) ? undefined : patchOf(target ?? '', source ?? '')
  if (patch === undefined)
    return {
      kind: 'too-large',
      ...(source !== undefined && { source: extentOf(source) }),
      ...(target !== undefined && { target: extentOf(target) }),
    }
  const lines = patch.hunks.flatMap(({ oldStart, oldLines, newStart, newLines, lines: hunk }) => [
    `@@ -${rangeOf(oldStart, oldLines)} +${rangeOf(newStart, newLines)} @@`,
    ...hunk,
  ])
  let bytes = 0
  const end = lines.findIndex((line) => (bytes += Buffer.byteLength(line) + 1) > maxBytes)
  const shown = end < 0 ? lines : lines.slice(0, end)
  return {
    kind: 'diff',
    diff: shown.map((line) => `${line}\n`).join(''),
    ...(end >= 0 && { leftOut: lines.length - end }),
  }
}

/** Of nothing, unified diffs name the line before. */
function rangeOf(start: number, count: number): string {
  return `${count === 0 ? start - 1 : start},${count}`
}

function patchOf(before: string, after: string): ReturnType<typeof structuredPatch> | undefined {
  return structuredPatch('', '', before, after, '', '', { context: 3, maxEditLength, timeout: timeoutMs })
}

function isTooLong(text: string | undefined): boolean {
  if (text === undefined) return false
  if (text.length > maxInput || Buffer.byteLength(text) > maxInput) return true
  let lines = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) if (++lines > maxLines) return true
  return false
}

function extentOf(text: string): Extent {
  return { digest: createHash('sha256').update(text).digest('hex'), size: Buffer.byteLength(text) }
}
