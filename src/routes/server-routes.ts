import type { FastifyInstance } from 'fastify'
import { hash } from 'node:crypto'
import { lastTally } from '../agents/config/rekey.ts'
import { Type } from '../resources/type.ts'
import type { Store } from '../state/store.ts'
import { time } from './command-schemas.ts'
import type { RouteParts } from './parts.ts'
import { softwareVersion } from './software-version.ts'

const view = Type.Object(
  {
    version: Type.String(),
    roles: Type.Array(Type.Enum(['api', 'worker'])),
    environment: Type.Optional(
      Type.Object(
        {
          name: Type.String(),
          colour: Type.String({ pattern: '^#[0-9a-f]{6}$', description: 'Dark enough for white text upon it.' }),
        },
        { additionalProperties: false, description: 'As the settings name it.' },
      ),
    ),
    secrets: Type.Optional(
      Type.Object(
        {
          key: Type.Optional(Type.String({ description: 'The id of the key that encrypts; absent: there is none.' })),
          at: Type.Optional({ ...time, description: 'When they were counted.' }),
          keys: Type.Array(
            Type.Object(
              {
                key: Type.String({ description: 'Its id.' }),
                secrets: Type.Integer({ minimum: 0 }),
                usable: Type.Boolean({ description: 'Whether this server has the key.' }),
              },
              { additionalProperties: false },
            ),
          ),
          plain: Type.Integer({ minimum: 0, description: 'Not encrypted, because there is no key.' }),
        },
        {
          additionalProperties: false,
          description: 'How the secrets of configs and their revisions are kept; for who may do everything.',
        },
      ),
    ),
  },
  { additionalProperties: false, title: 'Server' },
)

/** What this server is, for whoever looks at several. */
export function serverRoutes(app: FastifyInstance, { settings, store, secrets }: RouteParts): void {
  const { environmentName: name, environmentColour } = settings
  const environment = name !== undefined && { name, colour: readable(environmentColour ?? colourOf(name)) }
  const version = softwareVersion()
  app.get(
    '/server',
    {
      config: { needs: 'somebody' },
      schema: {
        ...{ operationId: 'readServer', summary: 'Says what this server is', tags: ['operations'] },
        response: { 200: view },
      },
    },
    async ({ caller }) => ({
      ...{ version, roles: [...settings.roles].toSorted(), ...(environment && { environment }) },
      ...(caller.mayAll('admin') && { secrets: await keptSecrets(store, secrets) }),
    }),
  )
}

/** A key that is not named holds nothing any more. */
async function keptSecrets(store: Store, { keys: ring }: RouteParts['secrets']) {
  const { at, keys = [], plain = 0 } = (await lastTally(store)) ?? {}
  return {
    ...{ ...(ring.current !== undefined && { key: ring.current }), ...(at !== undefined && { at }) },
    ...{ keys: keys.map((one) => ({ ...one, usable: ring.has(one.key) })), plain },
  }
}

/** The same for the same name, so that people learn it. */
function colourOf(name: string): string {
  return `#${hash('sha256', name.toLowerCase(), 'hex').slice(0, 6)}`
}

/** Of white text upon a colour, by WCAG 2.2 for text of normal size. */
const contrast = 4.5

/** As dark as white text upon it needs. */
function readable(colour: string): string {
  let parts = [1, 3, 5].map((i) => Number.parseInt(colour.slice(i, i + 2), 16))
  while (1.05 / (luminance(parts) + 0.05) < contrast) parts = parts.map((part) => Math.floor(part * 0.95))
  return `#${parts.map((part) => part.toString(16).padStart(2, '0')).join('')}`
}

/** Relative luminance, https://www.w3.org/TR/WCAG22/#dfn-relative-luminance */
function luminance(parts: readonly number[]): number {
  const [red = 0, green = 0, blue = 0] = parts.map((part) => {
    const share = part / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
