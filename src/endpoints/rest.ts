/**
 * The kind `rest`: documents in a REST or HAL service, or on a WebDAV server. A service keeps no receipts, so a delivery that
 * comes again is compared again, and writes what differs; that comes to the same.
 */
import type { EndpointContext, EndpointKind } from './endpoint.ts'
import { Addresses } from './rest/address.ts'
import { RestClient } from './rest/client.ts'
import { Form } from './rest/form.ts'
import { chosenFrom, optionsSchema, secrets, type RestOptions } from './rest/options.ts'
import { RestSource } from './rest/source.ts'
import { RestTarget } from './rest/target.ts'
import type { Service } from './rest/service.ts'

export const rest: EndpointKind<RestOptions> = {
  name: 'rest',
  title: 'A REST or HAL service',
  options: optionsSchema,
  secrets,
  reach: ['url', 'origins'],
  source: (options, context) => new RestSource(readingOf(options, context)),
  target: (options, context) => new RestTarget(readingOf(options, context)),
  place: async ({ url }) => {
    const { origin, pathname } = new URL(url)
    return ['rest', origin, ...pathname.split('/').filter((segment) => segment !== '')]
  },
}

function readingOf(options: RestOptions, { installation }: EndpointContext): Service {
  const chosen = chosenFrom(options)
  return {
    chosen,
    client: new RestClient(chosen, installation),
    form: new Form(chosen),
    addresses: new Addresses(chosen),
  }
}
