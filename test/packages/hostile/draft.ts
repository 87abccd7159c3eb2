/** A small package, correct as it stands; each hostile file is this one with one thing changed. */
import { hash } from 'node:crypto'
import { zipOf, type End, type Item } from './zip-bytes.ts'

export interface Draft {
  readonly header: string
  readonly lines: readonly string[]
  /** In the order of the file and of the central directory. */
  readonly content: readonly Item[]
  /** The whole manifest, if it is not the lines. */
  readonly manifest: Buffer | undefined
  readonly filter: string
  /** Made of the id. */
  readonly properties: (id: string) => string
  readonly origin: string | undefined
  /** How the manifest is packed, and what its headers say. */
  readonly manifestItem: Partial<Item>
  readonly end: Partial<End>
}

const hello = Buffer.from('hello\n')
const world = Buffer.from('{"world": true}\n')

export const a = fileLine('/content/a.txt', hello)
export const b = fileLine('/content/b.json', world)
export const itemA: Item = { name: 'jcr_root/content/a.txt', content: hello }
export const itemB: Item = { name: 'jcr_root/content/b.json', content: world, method: 8 }
export const folder = '{"type":"folder","path":"/content"}'
export const folderItem: Item = { name: 'jcr_root/content/' }

export const good: Draft = {
  header: '{"format":1,"action":"add","mode":"update","roots":["/content"]}',
  lines: [folder, a, b],
  content: [folderItem, itemA, itemB],
  manifest: undefined,
  filter:
    '<?xml version="1.0" encoding="UTF-8"?>\n<workspaceFilter version="1.0">\n' +
    '  <filter root="/content" mode="update"/>\n</workspaceFilter>\n',
  properties: (id) => `<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<!DOCTYPE properties SYSTEM "http://java.sun.com/dtd/properties.dtd">
<properties>
  <entry key="group">trebuchet</entry>
  <entry key="name">${id}</entry>
  <entry key="version">1</entry>
  <entry key="packageFormatVersion">2</entry>
</properties>
`,
  origin: '{"installation":"test","agent":"a","command":"c","createdAt":"2026-01-01T00:00:00Z"}\n',
  manifestItem: {},
  end: {},
}

/** The same as a delta that lacks a.txt. */
export const delta: Draft = {
  ...good,
  content: [folderItem, itemB],
  properties: (id) => good.properties(id).replace('</properties>', '  <entry key="delta">true</entry>\n</properties>'),
}

export function packageOf(change: Partial<Draft> = {}): Buffer {
  const { items, order, end } = assemble({ ...good, ...change })
  return zipOf(items, order, end)
}

export function fileLine(path: string, content: Buffer): string {
  return JSON.stringify({ type: 'file', path, digest: hash('sha256', content), size: content.length })
}

/** The items in the order of the file, and the order of the central directory. */
export function assemble(draft: Draft): { items: Item[]; order: number[]; end: Partial<End> } {
  const manifest = draft.manifest ?? Buffer.from([draft.header, ...draft.lines, ''].join('\n'))
  const id = `sha256-${hash('sha256', manifest)}`
  const text = (name: string, content: string): Item => ({ name, content: Buffer.from(content), method: 8 })
  const items = [
    text('META-INF/vault/filter.xml', draft.filter),
    ...(draft.origin === undefined ? [] : [text('META-INF/trebuchet/origin.json', draft.origin)]),
    { name: 'jcr_root/' },
    ...draft.content,
    { name: 'META-INF/trebuchet/manifest.ndjson', content: manifest, method: 8, ...draft.manifestItem },
    text('META-INF/vault/properties.xml', draft.properties(id)),
  ]
  return { items, order: [...items.keys()], end: draft.end }
}
