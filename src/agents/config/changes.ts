import { pointerToken } from '../../resources/schema.ts'

/** One difference between two versions of a config; absent values are left out. */
export interface ConfigChange {
  /** A JSON Pointer into the config. */
  readonly pointer: string
  readonly before?: unknown
  readonly after?: unknown
}

interface Version {
  /** What is compared: a changed secret is a change. */
  readonly real: unknown
  /** What is shown of it: the same, with its secrets redacted. */
  readonly shown: unknown
}

/** What differs, as deep as both sides have the same shape; lists are compared item by item. */
export function changesBetween(before: Version, after: Version, pointer = ''): ConfigChange[] {
  if (
    !isComposite(before.real) ||
    !isComposite(after.real) ||
    Array.isArray(before.real) !== Array.isArray(after.real)
  ) {
    if (before.real === after.real) return []
    return [
      {
        pointer,
        ...(before.real === undefined ? {} : { before: before.shown }),
        ...(after.real === undefined ? {} : { after: after.shown }),
      },
    ]
  }
  const keys = new Set([...Object.keys(before.real), ...Object.keys(after.real)])
  return [...keys].flatMap((key) =>
    changesBetween(part(before, key), part(after, key), `${pointer}/${pointerToken(key)}`),
  )
}

/** Where a secret is redacted, what is real and what is shown have different shapes. */
function part({ real, shown }: Version, key: string): Version {
  return { real: at(real, key), shown: isComposite(shown) ? at(shown, key) : shown }
}

function at(value: unknown, key: string): unknown {
  return Object.hasOwn(value as object, key) ? (value as Record<string, unknown>)[key] : undefined
}

function isComposite(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
