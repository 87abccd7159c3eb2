import { pathSchema } from '../resources/schema.ts'
import { Type } from '../resources/type.ts'
import { agentName, packageId, sending } from './command-schemas.ts'

const closed = { additionalProperties: false } as const
const paths = Type.Array(pathSchema, { minItems: 1, maxItems: 10_000 })
const agents = Type.Optional(Type.Array(agentName, { minItems: 1, maxItems: 10_000, uniqueItems: true }))

const making = {
  action: Type.Enum(['add', 'delete', 'test'], {
    default: 'add',
    description: '`test` reaches every target and changes nothing.',
  }),
  paths,
  deep: Type.Boolean({ default: true, description: 'The whole tree below each path, or the named resource alone.' }),
  mode: Type.Enum(['update', 'mirror'], {
    default: 'update',
    description: '`mirror`: what only the target has below the paths is removed, within the guard.',
  }),
}
/** Bodies of export, and of replicate, which has targets that hold something already. */
export const exportBody = Type.Object(making, closed)
export const exportBodyForAll = Type.Object({ ...making, agents }, closed)
const replicating = { ...making, ...sending }
export const replicateBody = Type.Object(replicating, closed)
export const replicateBodyForAll = Type.Object({ ...replicating, agents }, closed)

/** An import, once its parts are put together; `package` names a package that is already here. */
const importing = { action: Type.Optional(Type.Literal('import')), paths: Type.Optional(paths) }
export const importFields = Type.Object({ ...importing, agents }, closed)
export const importById = Type.Object({ ...importing, agents, package: packageId }, closed)
