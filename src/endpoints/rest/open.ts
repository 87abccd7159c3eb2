import type { EndpointContext, Source, Target } from '../endpoint.ts'
import { Addresses } from './address.ts'
import { chosenFrom } from './chosen.ts'
import { RestClient } from './client.ts'
import { Form } from './form.ts'
import type { RestOptions } from './options.ts'
import type { Service } from './service.ts'
import { RestSource } from './source.ts'
import { RestTarget } from './target.ts'

export function restSource(options: RestOptions, context: EndpointContext): Source {
  return new RestSource(serviceOf(options, context))
}

export function restTarget(options: RestOptions, context: EndpointContext): Target {
  return new RestTarget(serviceOf(options, context))
}

export function restPlace({ url }: RestOptions): readonly string[] {
  const { origin, pathname } = new URL(url)
  return ['rest', origin, ...pathname.split('/').filter((segment) => segment !== '')]
}

function serviceOf(options: RestOptions, context: EndpointContext): Service {
  const chosen = chosenFrom(options)
  return {
    chosen,
    client: new RestClient(chosen, context),
    form: new Form(chosen),
    addresses: new Addresses(chosen),
  }
}
