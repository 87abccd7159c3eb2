import { ReplicationError } from '../errors.ts'
import type { RandomAccess } from './random-access.ts'
import { Window } from './random-access.ts'
import { max16, max32, signatures } from './zip-format.ts'

/** Where the central directory is, as the records that end a zip say. */
export interface ZipEnd {
  readonly count: number
  readonly start: number
  /** Where the records begin that end the file. */
  readonly end: number
}

const endBytes = 22
const locatorBytes = 20
const zip64Bytes = 56

/**
 * Reads the end of a zip, and admits one reading only: no comment, nothing behind it, one disk, the central directory right
 * before it, and where it is said twice (zip64), twice the same. Throws `corrupt`.
 */
export async function readZipEnd(access: RandomAccess): Promise<ZipEnd> {
  if (access.size < endBytes) throw corrupt('it is too short for a zip')
  const window = new Window(access, 1024)
  const tail = Math.min(access.size, endBytes + locatorBytes + zip64Bytes)
  const bytes = await window.load(access.size - tail, tail)
  const end = bytes.subarray(tail - endBytes)
  if (end.readUInt32LE(0) !== signatures.end || end.readUInt16LE(20) !== 0)
    throw corrupt('it does not end as a zip does: cut off, or with a comment or other bytes behind')
  if (end.readUInt16LE(4) !== 0 || end.readUInt16LE(6) !== 0 || end.readUInt16LE(8) !== end.readUInt16LE(10))
    throw corrupt('it is one disk of several')
  const said = { count: end.readUInt16LE(10), size: end.readUInt32LE(12), start: end.readUInt32LE(16) }
  const locator = bytes.subarray(0, tail - endBytes).subarray(-locatorBytes)
  const wide = locator.length === locatorBytes && locator.readUInt32LE(0) === signatures.zip64Locator
  const {
    count,
    size,
    start,
    end: at,
  } = wide ? wideEnd(bytes, access.size, said) : { ...said, end: access.size - endBytes }
  if (start + size !== at) throw corrupt('its central directory is not where its end says')
  if (size < count * 46) throw corrupt('its central directory has fewer entries than its end says')
  return { count, start, end: at }
}

interface Said {
  readonly count: number
  readonly size: number
  readonly start: number
}

function wideEnd(bytes: Buffer, fileSize: number, said: Said): Said & { readonly end: number } {
  const record = bytes.subarray(0, zip64Bytes)
  const locator = bytes.subarray(zip64Bytes, zip64Bytes + locatorBytes)
  const end = fileSize - endBytes - locatorBytes - zip64Bytes
  if (
    end < 0 ||
    locator.readUInt32LE(4) !== 0 ||
    locator.readUInt32LE(16) !== 1 ||
    long(locator, 8) !== end ||
    record.readUInt32LE(0) !== signatures.zip64End ||
    long(record, 4) !== zip64Bytes - 12 ||
    record.readUInt32LE(16) !== 0 ||
    record.readUInt32LE(20) !== 0 ||
    long(record, 24) !== long(record, 32)
  )
    throw corrupt('its zip64 end is not right before its end, or is one disk of several')
  const wide = { count: long(record, 32), size: long(record, 40), start: long(record, 48) }
  if (
    (said.count !== max16 && said.count !== wide.count) ||
    (said.size !== max32 && said.size !== wide.size) ||
    (said.start !== max32 && said.start !== wide.start)
  )
    throw corrupt('its end and its zip64 end contradict each other')
  return { ...wide, end }
}

function long(bytes: Buffer, at: number): number {
  const value = bytes.readBigUInt64LE(at)
  if (value > Number.MAX_SAFE_INTEGER) throw corrupt('a zip64 value is beyond any file')
  return Number(value)
}

function corrupt(what: string): ReplicationError {
  return new ReplicationError('corrupt', `package: ${what}`)
}
