const formats = {
  count: new Intl.NumberFormat('en'),
  part: new Intl.NumberFormat('en', { maximumFractionDigits: 1 }),
}

export function count(n: number): string {
  return formats.count.format(n)
}

/** `1 entry`, `2 entries`. */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`
}

/** In units of 1,024, as they are usual for files. */
export function bytes(n: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let i = 0
  let left = n
  for (; left >= 1024 && i < units.length - 1; i++) left /= 1024
  return `${formats.part.format(left)} ${units[i]}`
}
