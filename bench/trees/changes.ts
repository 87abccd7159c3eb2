/** One file of a hundred, always the same ones: what somebody does between two runs of a nightly copy. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const every = 100

/** Of ten files that are chosen: four get another size, four other bytes of the same size, one a new file beside it, one is deleted. */
const kinds = [
  ...['size', 'bytes', 'size', 'bytes', 'added', 'size', 'bytes', 'size', 'bytes', 'deleted'],
] as readonly ('size' | 'bytes' | 'added' | 'deleted')[]

/**
 * Changes what `<folder>/content` holds; answers what puts it back, the bytes but not the times. Another `version` (from 0) changes the
 * same files to something that they never were before, so that no package can be known from the run before.
 */
export function change(folder: string, version: number): () => void {
  const letters = version
    .toString(26)
    .padStart(3, '0')
    .replaceAll(/./g, (digit) => letter(parseInt(digit, 26)))
  const undo: (() => void)[] = []
  const chosen = filesOf(join(folder, 'content')).filter((_, index) => index % every === 0)
  for (const [index, file] of chosen.entries()) {
    const before = readFileSync(file)
    switch (kinds[index % kinds.length] ?? 'deleted') {
      case 'size':
        writeFileSync(file, before.toString('latin1').replace('{', `{"changed":"${letters}",`), 'latin1')
        break
      case 'bytes':
        writeFileSync(file, before.toString('latin1').replaceAll(/[a-z]{3}(?=[^a-z])/g, letters), 'latin1')
        break
      case 'added':
        writeFileSync(file.replace('page', 'new-page'), before)
        undo.push(() => rmSync(file.replace('page', 'new-page')))
        continue
      case 'deleted':
        rmSync(file)
        break
    }
    undo.push(() => writeFileSync(file, before))
  }
  return () => undo.forEach((one) => one())
}

function letter(index: number): string {
  return String.fromCharCode('a'.charCodeAt(0) + index)
}

/** In the order of their paths, whatever the file system says first. */
function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
}
