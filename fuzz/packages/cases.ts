/** Packages with something wrong: a good one whose lines, zip entries and bytes are changed, in this order. */
import fc from 'fast-check'
import {
  assemble,
  b,
  delta,
  fileLine,
  folder,
  folderItem,
  good,
  itemA,
  itemB,
  type Draft,
} from '../../test/packages/hostile/draft.ts'
import { packedOf, zip64End, zipOf, type Item, type Says } from '../../test/packages/hostile/zip-bytes.ts'

const nasty = [
  ...[
    '..',
    '../x',
    '/x',
    'C:/x',
    'a\\b',
    'a\0b',
    '.',
    '',
    '~',
    'a ',
    'a.',
    'CON',
    'a:b',
    'a%2e%2e',
    '%',
    '_',
    '__x',
    '.dir',
  ],
  ...[
    '\u00e9',
    'e\u0301',
    '\u202egpj',
    '\u200b',
    '\ufeff',
    '\u212a',
    '\u0130',
    '\ud83d\ude00',
    'x'.repeat(300),
    'META-INF',
  ],
]
const words = [
  'type',
  'path',
  'digest',
  'size',
  'deep',
  'part',
  'package',
  'roots',
  '__proto__',
  'mirror',
  'delete',
  'filters',
]
const numbers = [0, 1, 2, 7, 21, 22, 30, 46, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff]
const records = [0x04034b50, 0x02014b50, 0x06054b50, 0x06064b50, 0x07064b50, 0x08074b50]

const large = Buffer.alloc(1_200_000, 'a line that packs well, and is not too small\n')
const signed = good.origin?.replace(
  '}',
  `,"signatures":[{"key":"ed25519-${'0'.repeat(32)}","signature":"${Buffer.alloc(64).toString('base64')}"}]}`,
)
const part = `{"type":"part","package":"sha256-${'1'.repeat(64)}","entries":3,"bytes":7}`
const mirrorOf = (filters: string): Partial<Draft> => ({
  header: `{"format":1,"action":"add","mode":"mirror","roots":["/content"]${filters}}`,
  filter: good.filter.replace(' mode="update"', ''),
})
const bases: readonly Draft[] = [
  good,
  { ...good, origin: signed },
  delta,
  { ...delta, ...mirrorOf(''), filter: delta.filter, content: [folderItem] },
  { ...good, origin: undefined, lines: [...good.lines, '{"type":"delete","path":"/content/z","deep":true}'] },
  { ...good, ...mirrorOf(',"filters":[{"exclude":"/content/b*"}]') },
  { ...good, lines: [part, part.replace('1111', '2222')], content: [] },
  { ...good, end: { before: zip64End } },
  {
    ...good,
    lines: [folder, fileLine('/content/a.txt', large), b],
    content: [folderItem, { ...itemA, content: large, method: 8 }, itemB],
  },
]

type Change =
  | {
      readonly on: 'line'
      readonly how: 'drop' | 'twice' | 'swap' | 'word' | 'path' | 'number' | 'raw'
      readonly at: number
      readonly with: number
    }
  | {
      readonly on: 'item'
      readonly how:
        | 'drop'
        | 'twice'
        | 'swap'
        | 'name'
        | 'method'
        | 'both'
        | 'local'
        | 'central'
        | 'gap'
        | 'order'
        | 'content'
        | 'packed'
      readonly at: number
      readonly with: number
    }
  | {
      readonly on: 'bytes'
      readonly how: 'set' | 'cut' | 'insert' | 'copy' | 'end' | 'field'
      readonly at: number
      readonly with: number
    }

export interface Case {
  readonly base: number
  readonly changes: readonly Change[]
}

const change = <On extends Change['on']>(on: On, ...how: Extract<Change, { on: On }>['how'][]): fc.Arbitrary<Change> =>
  fc.record({
    on: fc.constant(on),
    how: fc.constantFrom(...how),
    at: fc.nat(9999),
    with: fc.nat(9999),
  }) as fc.Arbitrary<Change>

export const anyCase: fc.Arbitrary<Case> = fc.record({
  base: fc.nat(bases.length - 1),
  changes: fc.array(
    fc.oneof(
      change('line', 'drop', 'twice', 'swap', 'word', 'path', 'number', 'raw'),
      change(
        'item',
        'drop',
        'twice',
        'swap',
        'name',
        'method',
        'both',
        'local',
        'central',
        'gap',
        'order',
        'content',
        'packed',
      ),
      change('bytes', 'set', 'cut', 'insert', 'copy', 'end', 'field'),
    ),
    { minLength: 0, maxLength: 4 },
  ),
})

export function bytesOf({ base, changes }: Case): Buffer {
  let draft = bases[base] as Draft
  for (const one of changes) if (one.on === 'line') draft = changeLine(draft, one)
  const { items, order, end } = assemble(draft)
  for (const one of changes) if (one.on === 'item') changeItem(items, order, one)
  const known = order.filter((i) => i < items.length)
  let bytes = zipOf(items, known, end)
  for (const one of changes) if (one.on === 'bytes') bytes = changeBytes(bytes, one)
  return bytes
}

const pick = <T>(from: readonly T[], at: number): T => from[at % from.length] as T

function changeLine(draft: Draft, { how, at, with: other }: Extract<Change, { on: 'line' }>): Draft {
  const lines = [draft.header, ...draft.lines]
  const i = at % lines.length
  const line = lines[i] ?? ''
  if (how === 'drop') lines.splice(i, 1)
  else if (how === 'twice') lines.splice(other % (lines.length + 1), 0, line)
  else if (how === 'swap') [lines[i], lines[other % lines.length]] = [lines[other % lines.length] ?? '', line]
  else if (how === 'word') lines[i] = line.replace(pick(words, at), pick(words, other))
  else if (how === 'number')
    lines[i] = line.replace(/(?<=[:,])\d+/, String(pick([...numbers, -1, 1e21, '00', 2 ** 53], other)))
  else if (how === 'path')
    lines[i] = line.replace(/(?<=\/)[^/"]*(?=")/, JSON.stringify(pick(nasty, other)).slice(1, -1))
  else
    lines[i] =
      line.slice(0, at % (line.length + 1)) +
      pick([...nasty, '"', '{', ',', '\\u002f'], other) +
      line.slice(at % (line.length + 1))
  const [header = '', ...rest] = lines
  return { ...draft, header, lines: rest }
}

function changeItem(items: Item[], order: number[], { how, at, with: other }: Extract<Change, { on: 'item' }>): void {
  const i = at % items.length
  const item = items[i]
  if (item === undefined) return
  const content = item.content ?? Buffer.alloc(0)
  const lies: readonly Partial<Says>[] = [
    { crc: pick(numbers, other) },
    { size: pick(numbers, other) },
    { packed: pick(numbers, other) },
    { size: pick(numbers, other), packed: pick(numbers, other) },
    { offset: pick(numbers, other) },
    { flags: pick([0, 1, 8, 0x808, 0x2000, 0x800, 6], other) },
    { method: pick([0, 8, 9, 12, 99], other) },
    { attributes: (pick([0o120777, 0o060644, 0o040755, 0o100644, 0], other) << 16) >>> 0 },
    {
      extra: pick(
        [
          Buffer.from([1, 0, 0, 0]),
          Buffer.from([0x75, 0x70, 1, 0, 65]),
          Buffer.from([0x75, 0x70, 0xff, 0xff]),
          Buffer.from([1, 0, 16, 0, 1]),
          Buffer.alloc(3),
          Buffer.alloc(24, 1),
        ],
        other,
      ),
    },
    { name: Buffer.from(`jcr_root/${pick(nasty, other)}`) },
  ]
  if (how === 'drop') items.splice(i, 1)
  else if (how === 'twice') {
    items.splice(other % (items.length + 1), 0, item)
    order.push(order.length)
  } else if (how === 'swap') [items[i], items[other % items.length]] = [items[other % items.length] ?? item, item]
  else if (how === 'order') [order[i], order[other % order.length]] = [order[other % order.length] ?? 0, order[i] ?? 0]
  else if (how === 'name') items[i] = { ...item, name: `jcr_root/content/${pick(nasty, other)}` }
  else if (how === 'content') {
    // Its checksum is right then, and only the manifest says that it is another.
    const changed = content.length === 0 ? Buffer.from('x') : Buffer.from(content)
    changed[other % changed.length] = at
    items[i] = { ...item, content: changed }
  } else if (how === 'packed') {
    const packed = Buffer.from(packedOf(item))
    if (packed.length > 0) packed[at % packed.length] = other
    items[i] = { ...item, packed }
  } else if (how === 'method') items[i] = { ...item, method: item.method === 8 ? 0 : 8 }
  else if (how === 'gap')
    items[i] = { ...item, [at % 2 === 0 ? 'before' : 'behind']: Buffer.alloc((other % 40) + 1, other) }
  else if (how === 'both') items[i] = { ...item, says: { ...item.says, ...pick(lies, at) }, content }
  else items[i] = { ...item, [how]: { ...item[how], ...pick(lies, at) } }
}

function changeBytes(bytes: Buffer, { how, at, with: other }: Extract<Change, { on: 'bytes' }>): Buffer {
  const place = Math.floor((at / 10_000) * bytes.length)
  const length = (other % 64) + 1
  switch (how) {
    case 'set':
      bytes[place] = other
      return bytes
    case 'end':
      return bytes.subarray(0, place)
    case 'cut':
      return Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + length)])
    case 'insert':
      return Buffer.concat([bytes.subarray(0, place), Buffer.alloc(length, other), bytes.subarray(place)])
    case 'copy':
      return Buffer.concat([bytes.subarray(0, place), bytes.subarray(place - length), bytes.subarray(place)])
    case 'field':
      return changeField(bytes, at, other)
  }
}

/** Some 16 or 32 bits of some record. */
function changeField(bytes: Buffer, at: number, other: number): Buffer {
  const signature = Buffer.alloc(4)
  signature.writeUInt32LE(pick(records, at))
  const found: number[] = []
  for (let i = bytes.indexOf(signature); i >= 0 && found.length < 64; i = bytes.indexOf(signature, i + 1)) found.push(i)
  if (found.length === 0) return bytes
  const place = pick(found, other) + (Math.floor(at / records.length) % 28) * 2
  if (place + 4 > bytes.length) return bytes
  if (other % 2 === 0) bytes.writeUInt32LE(pick(numbers, other), place)
  else bytes.writeUInt16LE(pick(numbers, other) & 0xffff, place)
  return bytes
}
