/** The kind `openapi`: what a REST service is made of, as the paths of an OpenAPI document. */
import { ReplicationError } from '../errors.ts'
import { placeOf } from './directory/place.ts'
import type { EndpointKind } from './endpoint.ts'
import { fileHome, fileTarget } from './openapi/file.ts'
import { openapiOptions, type OpenapiOptions, type UrlOptions } from './openapi/options.ts'
import { openapiSource } from './openapi/source.ts'
import { urlHome, urlTarget } from './openapi/url.ts'
import { restPlace } from './rest/open.ts'
import { secrets } from './rest/options.ts'

export const openapi: EndpointKind<OpenapiOptions> = {
  name: 'openapi',
  title: 'The paths of an OpenAPI document',
  options: openapiOptions,
  secrets,
  source: (options, context) => openapiSource(isAtUrl(options) ? urlHome(options, context) : fileHome(options)),
  target: (options, context) => (isAtUrl(options) ? urlTarget(options, context) : fileTarget(options)),
  place: async (options) => (isAtUrl(options) ? restPlace(options) : placeOf(options.path)),
}

/** The schema admits one of the two. */
function isAtUrl(options: OpenapiOptions): options is UrlOptions {
  if ('url' in options) return true
  if ('path' in options) return false
  throw new ReplicationError('invalid', 'an openapi endpoint has a `path` or a `url`')
}
