/** Whom an agent calls when something has happened, as it is configured. */
import type { Static } from 'typebox'
import { ReplicationError, type Fault } from '../../errors.ts'
import { keepSecret } from '../../known-secrets.ts'
import { pointerToken } from '../../resources/schema.ts'
import { Type } from '../../resources/type.ts'
import { memberAt, withMemberAt } from './member.ts'
import { isPlaceholder, lookUp, refuseLocked, secretSchema, type Known } from './secret.ts'

const closed = { additionalProperties: false } as const

/** What is told when something calls for somebody, or no longer does. */
export const noticeTypes = ['blocked', 'recovered', 'failed', 'drifted', 'settled', 'missed'] as const
export type NoticeType = (typeof noticeTypes)[number]

export const hookTypes = ['applied', 'delivered', ...noticeTypes] as const
export type HookType = (typeof hookTypes)[number]

/** A secret of a config, as it is stored. */
type Secret = string | { readonly env: string } | { readonly file: string }

const secret = Type.Unsafe<Secret>(
  secretSchema(
    Type.String({
      minLength: 1,
      maxLength: 1000,
      description:
        'What calls are signed with: `whsec_` and a key in base64, or any other text, whose bytes are the key.',
    }),
  ),
)

const hook = Type.Object(
  {
    url: Type.String({
      ...{ format: 'uri', pattern: '^https?://[^/?#@]+(/[^#]*)?$', maxLength: 2000 },
      description: 'Gets a POST, signed by the rules of Standard Webhooks.',
    }),
    secret: Type.Optional(secret),
    on: Type.Array(Type.Enum(hookTypes), {
      ...{ default: ['applied'], minItems: 1, uniqueItems: true },
      description: [
        '`applied`: what applies a comparison has been delivered. `delivered`: anything else has.',
        '`blocked`: the head of a queue has failed three times. `recovered`: it no longer blocks its queue.',
        '`failed`: a command has ended as failed or partial. `missed`: a schedule fired late.',
        '`drifted`: a target differs from its source. `settled`: it no longer does.',
      ].join('\n'),
    }),
    headers: Type.Optional(
      Type.Record(
        Type.String({ pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$" }),
        Type.Unsafe<Secret>(secretSchema(Type.String({ maxLength: 8000, pattern: '^[^\\r\\n\\0]*$' }))),
        { ...closed, maxProperties: 50, description: 'Sent with each call. Their values are secrets.' },
      ),
    ),
    attempts: Type.Integer({ default: 8, minimum: 1, maximum: 100, description: 'Tries before a call is given up.' }),
    backoff: Type.Object(
      {
        initialMs: Type.Integer({ default: 5000, minimum: 1, maximum: 86_400_000 }),
        maxMs: Type.Integer({ default: 86_400_000, minimum: 1, maximum: 86_400_000 }),
        factor: Type.Number({ default: 5, minimum: 1, maximum: 100 }),
        jitter: Type.Number({ default: 0.2, minimum: 0, maximum: 1 }),
      },
      { ...closed, default: {}, description: 'The wait between two tries; eight of them take about a day.' },
    ),
  },
  closed,
)

export const hooksSchema = Type.Array(hook, {
  maxItems: 20,
  description:
    'Called when something has been delivered, so that a gateway can publish it again, for example, or has gone wrong.',
})

export type Hook = Static<typeof hook>

/** Those that we set, and those by which a connection is steered. */
const ownHeaders =
  /^(content-(type|length|encoding)|host|connection|keep-alive|transfer-encoding|upgrade|te|trailer|expect|user-agent|webhook-.*)$/i

/** The ways to what is secret of it. */
export function secretsOfHook({ headers = {} }: Hook): string[] {
  return ['secret', ...Object.keys(headers).map((name) => `headers/${name}`)]
}

/**
 * What is wrong with the hooks of a draft. Puts the stored secrets where it has the placeholder, in place: a secret belongs to the
 * URL that it was given for, and where a hook has got another one it is dropped, as those of endpoints are.
 */
export function hookFaults(hooks: Hook[], stored: readonly Hook[]): Fault[] {
  const faults: Fault[] = []
  const seen = new Set<string>()
  for (const [i, one] of hooks.entries()) {
    const pointer = `/hooks/${i}`
    if (seen.has(one.url)) faults.push({ pointer: `${pointer}/url`, message: 'is that of another hook of this agent' })
    seen.add(one.url)
    for (const name of Object.keys(one.headers ?? {}))
      if (ownHeaders.test(name))
        faults.push({
          pointer: `${pointer}/headers/${pointerToken(name)}`,
          message: 'is a header that the server sets',
        })
    const { initialMs, maxMs } = one.backoff
    if (maxMs < initialMs)
      faults.push({
        pointer: `${pointer}/backoff/maxMs`,
        message: `must not be less than initialMs, which is ${initialMs}`,
      })
    const kept = withKept(one, { same: stored.find(({ url }) => url === one.url), moved: stored[i] })
    faults.push(...kept.lacking.map((way) => ({ pointer: `${pointer}/${way}`, message: noSecret })))
    if (typeof kept.hook.secret === 'string' && keyIn(kept.hook.secret) === undefined)
      faults.push({ pointer: `${pointer}/secret`, message: `behind ${prefix} must be a key in base64` })
    hooks[i] = kept.hook
  }
  return faults
}

const noSecret = 'no secret is stored for this hook; send the secret'

function withKept(
  draft: Hook,
  { same, moved }: { readonly same: Hook | undefined; readonly moved: Hook | undefined },
): { readonly hook: Hook; readonly lacking: readonly string[] } {
  const lacking: string[] = []
  let made = draft
  for (const way of secretsOfHook(draft)) {
    if (!isPlaceholder(memberAt(draft, way))) continue
    const known = same && memberAt(same, way)
    const isMoved = same === undefined && moved !== undefined && memberAt(moved, way) !== undefined
    if (known === undefined && !isMoved) lacking.push(way)
    else made = withMemberAt(made, way, known)
  }
  return { hook: made, lacking }
}

/** A hook at the moment at which it is called. */
export interface ReadyHook {
  readonly key: Buffer | undefined
  readonly headers: Readonly<Record<string, string>>
}

/** Throws `invalid`, `unavailable` for a secret that is not there. */
export async function hookWithSecrets({ secret: given, headers = {} }: Hook, known: Known): Promise<ReadyHook> {
  const text = async (one: Secret, way: string): Promise<string> => {
    refuseLocked(one, way)
    const found = typeof one === 'string' ? one : await lookUp(one, known)
    keepSecret(found)
    return found
  }
  const sent: [string, string][] = []
  for (const [name, value] of Object.entries(headers)) {
    const found = await text(value, `headers/${name}`)
    if (/[\r\n\0]/.test(found))
      throw new ReplicationError('invalid', `what the header ${name} gets is more than a line`)
    sent.push([name.toLowerCase(), found])
  }
  if (given === undefined) return { key: undefined, headers: Object.fromEntries(sent) }
  const key = keyIn(await text(given, 'secret'))
  if (key === undefined) throw new ReplicationError('invalid', `the secret of the hook is no base64 behind ${prefix}`)
  return { key, headers: Object.fromEntries(sent) }
}

const prefix = 'whsec_'

function keyIn(text: string): Buffer | undefined {
  if (!text.startsWith(prefix)) return Buffer.from(text)
  const coded = text.slice(prefix.length)
  const isCoded = /^[A-Za-z0-9+/]+={0,2}$/.test(coded) && coded.length % 4 !== 1
  return isCoded ? Buffer.from(coded, 'base64') : undefined
}
