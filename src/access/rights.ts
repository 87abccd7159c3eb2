import { ReplicationError } from '../errors.ts'
import { globOf } from '../resources/glob.ts'
import type { ResourcePath } from '../resources/path.ts'

/** What may be granted for an agent. Each implies `read`, and `admin` all of them; docs/SECURITY.md says what they admit. */
export const rights = [
  ...(['read', 'replicate', 'import', 'operate', 'compare'] as const),
  ...(['resync', 'approve', 'configure', 'admin'] as const),
] as const
export type Right = (typeof rights)[number]

/** Rights for the agents of certain names. In a pattern `*` is any text and `?` one character. */
export interface Grant {
  readonly agents: readonly string[]
  readonly can: readonly Right[]
}

/** As JSON Schema has it; what `*` and `?` stand for is what names of agents are made of. */
export const agentPattern = '^[A-Za-z0-9._*?-]{1,64}$'

interface Rule {
  /** Of every name, also of those that are not given yet. */
  readonly all: boolean
  readonly fits: (agent: string) => boolean
  readonly can: ReadonlySet<Right>
}

/** Whoever calls, and what he may do. */
export class Caller {
  /** Whose it is: never given to somebody else. */
  readonly id: string
  /** What histories call him. */
  readonly name: string
  readonly grants: readonly Grant[]
  /** In milliseconds: until then he may come in by himself, and nobody need ask whether he still may. */
  readonly until: number | undefined
  readonly #rules: readonly Rule[]

  constructor(of: {
    readonly id: string
    readonly name: string
    readonly grants: readonly Grant[]
    readonly until?: number
  }) {
    this.id = of.id
    this.name = of.name
    this.grants = of.grants
    this.until = of.until
    this.#rules = of.grants.map(({ agents, can }) => {
      const globs = agents.map((pattern) => globOf(`/${pattern}`))
      return {
        all: agents.includes('*'),
        fits: (agent) => globs.some((glob) => glob(`/${agent}` as ResourcePath)),
        can: new Set(can),
      }
    })
  }

  may(right: Right, agent: string): boolean {
    return this.#rules.some((rule) => admits(rule, right) && (rule.all || rule.fits(agent)))
  }

  /** Whether there is such an agent, as far as the caller is told. */
  sees(agent: string): boolean {
    return this.may('read', agent)
  }

  /** With every agent, also with those that are not there yet. */
  mayAll(right: Right): boolean {
    return this.#rules.some((rule) => rule.all && admits(rule, right))
  }

  /** With some agents, whether there are such or not. */
  maySome(right: Right): boolean {
    return this.#rules.some((rule) => admits(rule, right))
  }

  /** Why the caller may not do that with this agent: `missing` where he may not even see it. */
  objection(right: Right, agent: string): ReplicationError | undefined {
    if (this.may(right, agent)) return undefined
    if (!this.sees(agent)) return new ReplicationError('missing', `no agent is named ${agent}`)
    return new ReplicationError('forbidden', `${this.name} may not do this with agent ${agent}: it needs ${right}`)
  }

  /** Throws the same. */
  demand(right: Right, agent: string): void {
    const objection = this.objection(right, agent)
    if (objection !== undefined) throw objection
  }
}

function admits({ can }: Rule, right: Right): boolean {
  return can.has(right) || can.has('admin') || (right === 'read' && can.size > 0)
}

const everything: readonly Grant[] = [{ agents: ['*'], can: ['admin'] }]

/** Whoever calls from the machine itself, while there are no credentials. */
export const anonymous = new Caller({ id: 'anonymous', name: 'anonymous', grants: everything })
/** Who has ADMIN_TOKEN. */
export const administrator = new Caller({ id: 'admin', name: 'admin', grants: everything })
/** Who asks for what everybody may see. */
export const nobody = new Caller({ id: 'nobody', name: 'nobody', grants: [] })

/** What the server itself is called in histories: no token may have such a name. */
export const reservedNames: ReadonlySet<string> = new Set(['admin', 'anonymous', 'nobody', 'config', 'pull', 'trigger'])
