export const message = /too short for a zip/
export const bytes = (): Buffer => Buffer.alloc(0)
