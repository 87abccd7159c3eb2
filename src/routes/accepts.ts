/** Whether an `Accept` header admits this media type (RFC 9110, section 12.5.1); without one, everything is. */
export function accepts(header: string | undefined, type: string): boolean {
  if (header === undefined || header.trim() === '') return true
  const [major = ''] = type.split('/', 1)
  const ranges = header.split(',').map((range) => {
    const [name = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
    const weight = parameters.find((parameter) => /^q\s*=/.test(parameter))
    return { name, refused: weight !== undefined && Number(weight.slice(weight.indexOf('=') + 1)) === 0 }
  })
  // The most specific one decides.
  const decisive = [type, `${major}/*`, '*/*'].map((name) => ranges.find((range) => range.name === name))
  return decisive.find((range) => range !== undefined)?.refused === false
}

/** Whether an `Accept-Encoding` header names gzip. Who sends none gets bytes as they are. */
export function acceptsGzip(header: string | string[] | undefined): boolean {
  return typeof header === 'string' && header.trim() !== '' && accepts(header, 'gzip')
}
