import type { FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import type { CommandRequest } from '../agents/commands/accept.ts'
import type { PackageRecord } from '../agents/commands/records.ts'
import { agentsOfPackage } from '../agents/package-owners.ts'
import { lacksAny, packageOf, receivePackage } from '../agents/packages.ts'
import { ReplicationError } from '../errors.ts'
import { checkerOf } from '../resources/schema.ts'
import { importById, importFields } from './command-bodies.ts'
import { checkAnnounced, checkCarried, isVerified } from './command-headers.ts'
import { readImport } from './import-body.ts'
import type { RouteParts } from './parts.ts'
import { resumptionOf } from './upload-routes.ts'

type ImportFields = Static<typeof importFields> & { package?: string }

/** What of a command depends on its body alone. */
export type Asked = Pick<
  CommandRequest,
  'kind' | 'action' | 'paths' | 'deep' | 'mode' | 'full' | 'verify' | 'agents' | 'package' | 'signatures' | 'lacks'
>

/** What an import asks for, its package having been received or found. */
export async function imported(
  parts: RouteParts,
  request: FastifyRequest,
  signal: AbortSignal,
  agent: string | undefined,
): Promise<Asked> {
  const query = request.query as { path?: string | string[]; agents?: string | string[] }
  const resumption = agent === undefined ? undefined : resumptionOf(request)
  const { fields, received } = await readImport<PackageRecord>(request, async (upload) => {
    const into = resumption && (await parts.packages.unfinished.begin(resumption, resumption.from))
    return receivePackage(parts, upload, signal, { into })
  })
  const input: Record<string, unknown> = { ...fields }
  if (query.path !== undefined) input['paths'] = [query.path].flat()
  if (query.agents !== undefined) input['agents'] = [query.agents].flat().flatMap((names) => names.split(','))
  if (agent !== undefined && 'agents' in input)
    throw new ReplicationError('invalid', 'the agent is named in the path', {
      faults: [{ pointer: '/agents', message: 'is not admitted here' }],
    })
  const faults = checkerOf(received === undefined ? importById : importFields)(input)
  if (faults.length > 0) throw new ReplicationError('invalid', 'the import cannot be understood', { faults })
  const { paths, agents, package: id } = input as ImportFields
  const pkg = received ?? (await packageOf(parts, id ?? ''))
  // Who sends the bytes has them; who only names them must be one of those who may have them.
  if (received === undefined && !mayHave(request, pkg))
    throw new ReplicationError('missing', `there is no package ${pkg.id}`)
  checkAnnounced(request, pkg.id)
  if (received === undefined) checkCarried(request, await parts.packages.describe(pkg.id))
  return {
    ...{ kind: 'import', action: pkg.action, paths: paths ?? pkg.roots, deep: true, mode: pkg.mode },
    ...{ agents: agent === undefined ? agents : [agent], package: pkg },
    signatures: await parts.packages.signatures(pkg.id),
    lacks: await lacksAny(parts, pkg),
    ...(isVerified(request) && { verify: true }),
  }
}

/** Whether the caller may have a package whose bytes he has not sent. */
export function mayHave({ caller }: FastifyRequest, pkg: PackageRecord): boolean {
  return caller.mayAll('read') || agentsOfPackage(pkg).some((agent) => caller.sees(agent))
}
