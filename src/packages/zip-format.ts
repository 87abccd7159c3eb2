/** What a reader must know of a zip's records (APPNOTE.TXT 6.3.10). */
export const stored = 0
export const deflated = 8

export const signatures = {
  local: 0x04034b50,
  central: 0x02014b50,
  end: 0x06054b50,
  zip64End: 0x06064b50,
  zip64Locator: 0x07064b50,
  descriptor: 0x08074b50,
} as const

export const zip64Field = 0x0001
export const utf8Flag = 0x0800
export const max16 = 0xffff
export const max32 = 0xffffffff
