/** The kind `openapi`: what a REST service is made of, as the paths of an OpenAPI document. */
import { ReplicationError } from '../errors.ts'
import { placeOf } from './directory/place.ts'
import type { EndpointKind } from './endpoint.ts'
import { fileCopy, urlCopy } from './openapi/copy.ts'
import { fileHome, fileTarget } from './openapi/file.ts'
import { openapiOptions, type FileOptions, type OpenapiOptions, type UrlOptions } from './openapi/options.ts'
import { openapiSource } from './openapi/source.ts'
import { urlHome, urlTarget } from './openapi/url.ts'
import { restPlace } from './rest/open.ts'
import { secrets } from './rest/options.ts'

export const openapi: EndpointKind<OpenapiOptions> = {
  name: 'openapi',
  title: 'The paths of an OpenAPI document',
  options: openapiOptions,
  secrets,
  leads: ({ url, path }) => [
    ...(url === undefined ? [] : [{ at: '/url', url }]),
    ...(path === undefined ? [] : [{ at: '/path', path }]),
  ],
  source: (options, context) => {
    const chosen = chosenOf(options)
    return openapiSource('url' in chosen ? urlHome(chosen, context) : fileHome(chosen, context.bounds?.paths))
  },
  target: (options, context) => {
    const chosen = chosenOf(options)
    return 'url' in chosen ? urlTarget(chosen, context) : fileTarget(chosen, context.bounds?.paths)
  },
  place: async (options) => {
    const chosen = chosenOf(options)
    return 'url' in chosen ? restPlace(chosen) : placeOf(chosen.path)
  },
  copyTo: (options, place) => {
    const chosen = chosenOf(options)
    return 'url' in chosen ? urlCopy(chosen, place) : fileCopy(chosen, place)
  },
}

/** Throws `invalid` unless there is exactly one of the two. */
function chosenOf(options: OpenapiOptions): FileOptions | UrlOptions {
  const { path, url, ...rest } = options
  if (path !== undefined && url === undefined) {
    const { format, owned, servers } = rest
    return {
      path,
      ...(format !== undefined && { format }),
      ...(owned !== undefined && { owned }),
      ...(servers !== undefined && { servers }),
    }
  }
  if (url !== undefined && path === undefined) return { ...rest, url }
  throw new ReplicationError('invalid', 'an openapi endpoint has either a `path` or a `url`')
}
