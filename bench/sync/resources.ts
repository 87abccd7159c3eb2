/** Resources that are copied: the same bytes for the same number, on every machine. */
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const types = ['article', 'author', 'page', 'product']

/** HAL, some 300 bytes; ids are numbers in one of four types. */
function resource(i: number): { readonly type: string; readonly id: string; readonly text: string } {
  const type = types[i % types.length] ?? ''
  const id = String(Math.floor(i / types.length))
  const text = JSON.stringify({
    ...{
      id,
      title: `The ${type} of number ${id}`,
      tags: ['news', `group-${i % 17}`],
      version: i % 9,
      draft: i % 5 === 0,
    },
    ...{ modified: `2024-03-${10 + (i % 20)}T08:00:00Z`, price: (i % 1000) / 10, note: 'x'.repeat(40 + (i % 60)) },
    _links: { self: { href: `http://origin.example/api/${type}/${id}` } },
  })
  return { type, id, text }
}

/** `<type>/<id>.json`, as resource-sync reads them too. */
export function writeFolder(folder: string, count: number): void {
  for (const type of types) mkdirSync(join(folder, type), { recursive: true })
  for (let i = 0; i < count; i++) {
    const { type, id, text } = resource(i)
    writeFileSync(join(folder, type, `${id}.json`), `${text}\n`)
  }
}

/** A resource on each line. */
export function writeLines(file: string, count: number): void {
  const fd = openSync(file, 'w')
  try {
    for (let i = 0; i < count; i += 1000)
      writeSync(fd, Array.from({ length: Math.min(1000, count - i) }, (_, k) => `${resource(i + k).text}\n`).join(''))
  } finally {
    closeSync(fd)
  }
}
