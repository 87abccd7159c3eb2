import { packageOf } from '../draft.ts'

export const message = /origin.json is not an origin/
export const bytes = (): Buffer => packageOf({ origin: 'me' })
