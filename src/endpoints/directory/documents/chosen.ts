import type { SchemaOption } from '../../../documents/schema.ts'

/** What an endpoint of documents in a folder was made with. */
export interface DocumentsView {
  readonly root: string
  readonly format: 'yaml' | 'json'
  readonly schema: SchemaOption | undefined
}
