import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { inflateRawSync } from 'node:zlib'

export interface NaiveEntry {
  readonly name: string
  readonly content: Buffer
  readonly link: boolean
}

/** What a zip's central directory lists, as a reader finds it that believes all of it. */
export function naiveEntries(zip: Buffer): NaiveEntry[] {
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]))
  const entries: NaiveEntry[] = []
  let at = zip.readUInt32LE(end + 16)
  for (let i = 0; i < zip.readUInt16LE(end + 10); i++) {
    const [nameBytes, extraBytes] = [zip.readUInt16LE(at + 28), zip.readUInt16LE(at + 30)]
    const start = zip.readUInt32LE(at + 42)
    const data = start + 30 + zip.readUInt16LE(start + 26) + zip.readUInt16LE(start + 28)
    const packed = zip.subarray(data, data + zip.readUInt32LE(at + 20))
    entries.push({
      name: zip.toString('utf8', at + 46, at + 46 + nameBytes),
      content: zip.readUInt16LE(at + 10) === 8 ? inflateRawSync(packed) : packed,
      link: zip.readUInt32LE(at + 38) >>> 28 === 0o12,
    })
    at += 46 + nameBytes + extraBytes + zip.readUInt16LE(at + 32)
  }
  return entries
}

/** What one finds that reads a zip from its beginning, as a stream. */
export function naiveStream(zip: Buffer): string[] {
  const names: string[] = []
  for (let at = 0; at + 30 < zip.length && zip.readUInt32LE(at) === 0x04034b50;) {
    const nameEnd = at + 30 + zip.readUInt16LE(at + 26)
    names.push(zip.toString('utf8', at + 30, nameEnd))
    at = nameEnd + zip.readUInt16LE(at + 28) + zip.readUInt32LE(at + 18)
  }
  return names
}

export function naiveUnzip(zip: Buffer, folder: string): void {
  for (const { name, content, link } of naiveEntries(zip)) {
    const file = join(folder, name)
    mkdirSync(name.endsWith('/') ? file : dirname(file), { recursive: true })
    if (link) symlinkSync(content.toString(), file)
    else if (!name.endsWith('/')) writeFileSync(file, content)
  }
}
