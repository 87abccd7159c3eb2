import { a, b, folder, packageOf } from '../draft.ts'

export const message = /has no size/
export const bytes = (): Buffer => packageOf({ lines: [folder, a.replace('"size":6', '"size":-6'), b] })
