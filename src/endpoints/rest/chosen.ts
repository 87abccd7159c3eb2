import type { RestOptions } from './options.ts'

const defaults = {
  ...{ schema: 'hal', follow: 'page', listing: 'pages', format: 'json' },
  ...{ concurrency: 32, batchSize: 1, limit: 100, attempts: 3, timeoutMs: 30_000 },
  ...{ collections: {}, headers: {}, origins: [], rewrite: [], ignore: [] },
} as const

/** The options, with those that were left out. */
export type Chosen = RestOptions & Required<Pick<RestOptions, keyof typeof defaults>>

export function chosenFrom(options: RestOptions): Chosen {
  return { ...defaults, ...options } as Chosen
}
