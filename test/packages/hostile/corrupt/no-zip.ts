export const message = /does not end as a zip does/
export const bytes = (): Buffer => Buffer.from('not a zip, though long enough to be one'.repeat(10))
