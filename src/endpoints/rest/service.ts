import type { Document } from '../../documents/names.ts'
import type { Addresses } from './address.ts'
import type { RestClient } from './client.ts'
import type { Form } from './form.ts'
import type { Chosen } from './chosen.ts'

/** A document, and where the service has it. */
export interface Found extends Document {
  readonly uri: string
  /** URIs of what it depends on, at this service. */
  readonly parents: readonly string[]
}

export interface Service {
  readonly chosen: Chosen
  readonly client: RestClient
  readonly form: Form
  readonly addresses: Addresses
}
