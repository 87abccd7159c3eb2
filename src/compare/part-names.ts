import type { Class } from './classes.ts'

/** A part as rows list it. */
export interface NamedPart {
  readonly part: string
  readonly class: Class
}

/** The parts that a name stands for: itself, in a method in any case, and for a pointer all that is below it. */
export function partNamed(name: string, parts: readonly NamedPart[]): string[] {
  const wanted = name.startsWith('/') ? name : name.replace(/^[A-Za-z]+(?= |$)/, (method) => method.toUpperCase())
  return parts.flatMap(({ part }) =>
    part === wanted || (wanted.startsWith('/') && part.startsWith(`${wanted}/`)) ? [part] : [],
  )
}
