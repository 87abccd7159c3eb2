import type { Class } from './classes.ts'

/** A part as rows list it. */
export interface NamedPart {
  readonly part: string
  readonly class: Class
}

/** The parts that a name stands for: itself, a method in any case, and a pointer for all that is below it. */
export function partsNamed(name: string, parts: ReadonlySet<string>): string[] {
  if (parts.has(name)) return [name]
  if (name.startsWith('/')) return [...parts].filter((part) => part.startsWith(`${name}/`))
  const method = name.replace(/^[A-Za-z]+(?= |$)/, (word) => word.toUpperCase())
  return parts.has(method) ? [method] : []
}
