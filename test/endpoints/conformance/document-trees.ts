import { pathOf } from '../../../src/documents/names.ts'
import type { Tree } from '../deliveries.ts'

/** The tree of some documents, with the folders of their types. Members must be given sorted. */
export function docs(names: Readonly<Record<string, string>>): Tree {
  const tree: Record<string, string | null> = {}
  for (const [name, says] of Object.entries(names)) {
    const [type = '', ...rest] = name.split('/')
    const id = rest.join('/')
    const path = pathOf({ type, id })
    tree[path.slice(0, path.lastIndexOf('/'))] = null
    tree[path] = `{"id": ${ascii(id)}, "says": ${says}, "type": ${ascii(type)}}\n`
  }
  return tree
}

function ascii(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Names and values that are easily misread. */
export const awkward = docs({
  'foo/ ': '1',
  'foo/../../evil': '"a way out"',
  'foo/.hidden': '1.0',
  'foo/a': '12345678901234567890123',
  'foo/a!': '-0.10E+5',
  'foo/a.yaml': '"2020-01-01"',
  'foo/a-b': '["yes", "no", "on", "null", "~", "1_000", "0x1F", "012", "<<", ""]',
  'foo/é': String.raw`"\u00e9\u2603\ud83d\ude00\ufeff\u0085\u2028"`,
  'foo/e\u0301': String.raw`" a\r\nb\t: - # \n\n"`,
  'foo/10': 'null',
  'foo/9': 'true',
  'foo-bar/a': '{"": {}, "__proto__": [], "a b": [[], {}, [[1]]]}',
  'a/b/c': '"an id with a slash"',
  '%2F/%': '"an escape"',
  'Foo/a': '"upper case"',
  'foo.d/a': '"--- no mark"',
})
