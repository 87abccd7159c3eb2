import { print } from '../say.ts'
import type { Client, Output } from './options.ts'

/** One thing: for people as `text` says, otherwise as the server answered it. */
export async function printOne<T>(output: Output, one: T, text: (one: T) => string): Promise<void> {
  await print(output === 'text' ? ended(text(one)) : `${JSON.stringify(one, undefined, output === 'json' ? 2 : 0)}\n`)
}

/** Rows of cells under these heads. Each is as wide as its widest; the last is not filled up. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [heads, ...rows].map((row) => row.map(plain))
  const widths = heads.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)))
  return all
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** What a terminal would take for something else is not shown to it. */
export function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, '\uFFFD')
}

interface Page<T> {
  readonly items: readonly T[]
  readonly next?: string
}

/** The items of a list, page by page, at most `limit` of them. */
export async function* pages<T>(
  { server }: Client,
  path: string,
  query: Readonly<Record<string, string | undefined>> = {},
  limit = Number.POSITIVE_INFINITY,
): AsyncGenerator<readonly T[], void, void> {
  let cursor: string | undefined
  for (let left = limit; left > 0;) {
    const { body } = await server.get<Page<T>>(path, { query: { ...query, limit: Math.min(500, left), cursor } })
    yield body.items
    left -= body.items.length
    cursor = body.next
    if (cursor === undefined) return
  }
}

/** The items of a list that has no pages. */
export async function* whole<T>({ server }: Client, path: string): AsyncGenerator<readonly T[], void, void> {
  const { body } = await server.get<Page<T>>(path)
  yield body.items
}

/** A whole list: lines for people, one JSON array, or a line of JSON for each as it comes. */
export async function printList<T>(
  output: Output,
  items: AsyncIterable<readonly T[]>,
  heads: readonly string[],
  row: (one: T) => readonly string[],
): Promise<void> {
  if (output === 'ndjson') {
    for await (const page of items) await print(page.map((one) => `${JSON.stringify(one)}\n`).join(''))
    return
  }
  const all: T[] = []
  for await (const page of items) all.push(...page)
  if (output === 'json') await print(`${JSON.stringify(all, undefined, 2)}\n`)
  else if (all.length > 0) await print(ended(table(heads, all.map(row))))
}

function ended(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}
