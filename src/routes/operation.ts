/** The schema of an operation that answers 200: `input` has its params, query and body. */
export function operation(operationId: string, tag: string, input: object, answer: object): { schema: object } {
  return { schema: { operationId, tags: [tag], ...input, response: { 200: answer } } }
}
