import { directory } from './directory.ts'
import type { EndpointKind } from './endpoint.ts'
import { file } from './file.ts'
import { memory } from './memory.ts'
import { openapi } from './openapi.ts'
import { pull } from './pull.ts'
import { remote } from './remote.ts'
import { rest } from './rest.ts'

/**
 * Every kind of endpoint there is. A kind's options have been validated against its schema when they reach it, so the
 * list need not know their types.
 */
export const kinds = [directory, file, rest, openapi, remote, pull, memory] as unknown as readonly EndpointKind[]
