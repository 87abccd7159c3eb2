import { packageOf } from '../draft.ts'

export const message = /more in it than its end counts|its content is not there/
export const bytes = (): Buffer => packageOf({ end: { count: 7 } })
