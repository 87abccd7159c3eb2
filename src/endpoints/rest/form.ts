/** A document as resources are compared, and as one service has it: without what that makes by itself, and with its links. */
import { hash } from 'node:crypto'
import { printJson } from '../../documents/json.ts'
import { hal, pointing, simple, type Schema } from '../../documents/schema.ts'
import { isFields, type Fields, type Value } from '../../documents/value.ts'
import { ReplicationError } from '../../errors.ts'
import { differences } from './differences.ts'
import type { Chosen } from './chosen.ts'
import { tokensOf, valueAt, withMember, withoutMember } from '../../documents/pointers.ts'

export class Form {
  readonly schema: Schema
  /** A service has the same as everybody. */
  readonly isPlain: boolean
  readonly #chosen: Chosen
  readonly #ignored: readonly (readonly string[])[]
  /** Where links stand in a document, as pointers. */
  readonly #containers: ReadonlySet<string>
  readonly #embedded: readonly string[][]
  readonly #document: readonly string[] | undefined

  constructor(chosen: Chosen) {
    const { schema } = chosen
    this.#chosen = chosen
    this.isPlain = chosen.ignore.length === 0 && chosen.rewrite.length === 0
    this.#ignored = chosen.ignore.map(tokensOf)
    if (schema === 'hal') {
      this.schema = hal
      this.#containers = new Set()
      this.#embedded = [['items'], ['_embedded']]
    } else {
      const { document, ...pointers } = schema === 'simple' ? {} : schema
      this.schema = schema === 'simple' ? simple : pointing(pointers)
      const { uri = '/uri', parents = '/parents', links = '/links', embedded = '/embedded' } = pointers
      this.#containers = new Set([uri, parents, links])
      this.#embedded = [tokensOf(embedded)]
      this.#document = document === undefined ? undefined : tokensOf(document)
    }
  }

  /** What a member of a page is about; undefined when that is nothing. */
  memberOf(member: Value): Value | undefined {
    return this.#document === undefined ? member : valueAt(member, this.#document)
  }

  /** Whether it has a place for members at all, also for none. */
  isPage(value: Value): boolean {
    return this.#embedded.some((tokens) => valueAt(value, tokens) !== undefined)
  }

  withoutMembers(value: Value): Value {
    return this.#embedded.reduce(withoutMember, value)
  }

  /** What the service has, as every environment has it. */
  received(value: Value): Value {
    return this.#relinked(this.without(value), 'to', 'from')
  }

  without(value: Value): Value {
    return this.#ignored.reduce(withoutMember, value)
  }

  /**
   * What the service is to have: with its own links, and with those members that it has made, as it has them now. Throws
   * `invalid` for links that could not be told from rewritten ones when they are read again.
   */
  sent(value: Value, current: Value | undefined): Value {
    const bare = this.without(value)
    const linked = this.#relinked(bare, 'from', 'to')
    if (this.#chosen.rewrite.length > 0) {
      const [first] = differences(bare, this.#relinked(linked, 'to', 'from'))
      if (first !== undefined)
        throw new ReplicationError(
          'invalid',
          `its link at ${first} begins as those that \`rewrite\` makes, and would come back as another`,
        )
    }
    if (current === undefined) return linked
    return this.#ignored.reduce((made, tokens) => {
      const own = valueAt(current, tokens)
      return own === undefined ? made : withMember(made, tokens, own)
    }, linked)
  }

  #relinked(value: Value, from: 'from' | 'to', to: 'from' | 'to'): Value {
    const { rewrite, schema } = this.#chosen
    if (rewrite.length === 0) return value
    const replaced = (href: string): string => {
      const rule = rewrite.find((one) => beginsWith(href, one[from]))
      return rule === undefined ? href : rule[to] + href.slice(rule[from].length)
    }
    const walk = (one: Value, at: string, isLink: boolean): Value => {
      if (typeof one === 'string') return isLink ? replaced(one) : one
      if (Array.isArray(one)) return one.map((item: Value, i) => walk(item, `${at}/${i}`, isLink))
      if (!isFields(one)) return one
      const isSingle = Object.hasOwn(one, 'href')
      const members = Object.entries(one).map(([name, member]): [string, Value] => {
        const place = `${at}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
        const holdsLinks = schema === 'hal' ? name === '_links' : this.#containers.has(place)
        return [name, walk(member, place, holdsLinks || (isLink && (!isSingle || name === 'href')))]
      })
      return Object.fromEntries(members) as Fields
    }
    return walk(value, '', false)
  }
}

/** As resources have it: its bytes, canonical. */
export function contentOf(value: Value): string {
  return `${printJson(value)}\n`
}

export function digestOf(value: Value): string {
  return hash('sha256', contentOf(value))
}

function beginsWith(href: string, prefix: string): boolean {
  return (
    href.startsWith(prefix) &&
    (href.length === prefix.length || /[/?#]$/.test(prefix) || /[/?#]/.test(href[prefix.length] ?? ''))
  )
}
