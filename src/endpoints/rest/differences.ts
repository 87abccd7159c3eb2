import { printJson } from '../../documents/json.ts'
import { isFields, type Value } from '../../documents/value.ts'

const most = 5

/** JSON Pointers to where two documents differ: the first few, the deepest that say it. */
export function differences(one: Value, other: Value): string[] {
  const found: string[] = []
  const walk = (a: Value | undefined, b: Value | undefined, at: string): void => {
    if (found.length >= most || a === b) return
    if (isFields(a) && isFields(b)) {
      for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
        const place = `${at}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
        walk(own(a, name), own(b, name), place)
      }
    } else if (Array.isArray(a) && Array.isArray(b) && a.length === b.length) {
      for (const [i, item] of (a as readonly Value[]).entries()) walk(item, b[i] as Value, `${at}/${i}`)
    } else if (a === undefined || b === undefined || printJson(a) !== printJson(b)) found.push(at === '' ? '/' : at)
  }
  walk(one, other, '')
  return found
}

function own(value: { readonly [name: string]: Value }, name: string): Value | undefined {
  return Object.hasOwn(value, name) ? value[name] : undefined
}
