import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Throws unless both folders hold the same folders and files with the same bytes; answers the count of files. */
export function verifyEqual(original: string, copy: string): number {
  const names = readdirSync(original).toSorted()
  const found = readdirSync(copy).toSorted()
  if (names.join('/') !== found.join('/')) throw new Error(`${copy} does not hold what ${original} holds`)
  let files = 0
  for (const name of names) {
    const [one, other] = [join(original, name), join(copy, name)]
    const [kind, otherKind] = [lstatSync(one), lstatSync(other)]
    if (kind.isDirectory() && otherKind.isDirectory()) files += verifyEqual(one, other)
    else if (kind.isFile() && otherKind.isFile() && readFileSync(one).equals(readFileSync(other))) files++
    else throw new Error(`${other} differs from ${one}`)
  }
  return files
}
