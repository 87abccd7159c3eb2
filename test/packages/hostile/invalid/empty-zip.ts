import { zipOf } from '../zip-bytes.ts'

export const message = /manifest.ndjson is not where it must be/
export const bytes = (): Buffer => zipOf([])
