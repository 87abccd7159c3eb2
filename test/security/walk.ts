import type { Client } from '../end-to-end/client.ts'

export interface Told {
  /** How it was asked. */
  readonly what: string
  readonly path: string
  readonly status: number
  /** Headers and body. */
  readonly text: string
  readonly headers: Headers
}

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean }[]
}

/** Streams do not end by themselves: who follows them sees what they tell. */
const endless = /\/events$/

/**
 * The answer to every GET of the OpenAPI document. `known` has the values of parameters of the path: by what stands before one,
 * `/commands/{id}`, or by its name. Throws for one that nobody thought of.
 */
export async function* everyGet(
  client: Client,
  known: Readonly<Record<string, readonly string[]>>,
): AsyncGenerator<Told, void, void> {
  const { body } = await client.call<{ paths: Readonly<Record<string, { get?: Operation }>> }>('GET', '/openapi.json')
  for (const [path, { get }] of Object.entries(body.paths)) {
    if (get === undefined || endless.test(path)) continue
    const query = (get.parameters ?? []).filter((one) => one.in === 'query' && one.required === true)
    const search = new URLSearchParams(
      query.map(({ name }): [string, string] => [name, known[`?${name}`]?.[0] ?? '/content']),
    ).toString()
    for (const filled of filledIn(path, known)) {
      const address = search === '' ? filled : `${filled}?${search}`
      const response = await client.fetch('GET', address)
      const bytes = Buffer.from(await response.arrayBuffer())
      const text = `${JSON.stringify([...response.headers])}\n${bytes.toString('latin1')}`
      yield { what: `GET ${address}`, path, status: response.status, text, headers: response.headers }
    }
  }
}

function filledIn(path: string, known: Readonly<Record<string, readonly string[]>>): string[] {
  const found = /^(.*?\/([^/{]+)\/)?.*?\{(\w+)\}/.exec(path)
  if (found === null) return [path]
  const name = found[3] ?? ''
  const before = /\/([^/{}]+)\/\{\w+\}/.exec(path)?.[0] ?? ''
  const values = known[before] ?? known[name]
  if (values === undefined) throw new Error(`nobody has thought of {${name}} in ${path}`)
  return values.flatMap((value) => filledIn(path.replace(`{${name}}`, encodeURIComponent(value)), known))
}
