/**
 * The kind `rest`: documents in a REST or HAL service, or on a WebDAV server. A service keeps no receipts, so a delivery that
 * comes again is compared again, and writes what differs; that comes to the same.
 */
import type { EndpointKind } from './endpoint.ts'
import { restPlace, restSource, restTarget } from './rest/open.ts'
import { optionsSchema, secrets, type RestOptions } from './rest/options.ts'

export const rest: EndpointKind<RestOptions> = {
  name: 'rest',
  title: 'A REST or HAL service',
  options: optionsSchema,
  secrets,
  reach: ['url', 'origins'],
  leads: ({ url, origins = [] }) => [
    { at: '/url', url },
    ...origins.map((origin, i) => ({ at: `/origins/${i}`, url: origin })),
  ],
  source: restSource,
  target: restTarget,
  place: async (options) => restPlace(options),
}
