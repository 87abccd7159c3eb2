import type { Need } from './needs.ts'

/** The options of an operation that answers 200: `input` has its params, query and body. */
export function operation(
  needs: Need,
  operationId: string,
  tag: string,
  input: object,
  answer: object,
): { config: { needs: Need }; schema: object } {
  return { config: { needs }, schema: { operationId, tags: [tag], ...input, response: { 200: answer } } }
}
