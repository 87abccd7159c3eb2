/**
 * What is remembered of a file: `<f64 inode><f64 size><f64 mtime, ms><f64 ctime, ms><u32 bytes of the line><line>`, little endian; the line is
 * that of a listing. Records stand one behind the other, in path order.
 */
import type { Stats } from 'node:fs'
import { maxLineBytes, stateOf } from '../../resources/listing.ts'
import type { ResourcePath } from '../../resources/path.ts'

/** What stands before the line of a record. */
export const numbersBytes = 36
export const maxRecordBytes = numbersBytes + maxLineBytes

/** Where the record at `at` ends. */
export function endOf(records: Buffer, at: number): number {
  return at + numbersBytes + records.readUInt32LE(at + 32)
}

export function pathOf(records: Buffer, at: number): ResourcePath {
  return stateOf(records, at + numbersBytes, endOf(records, at)).path
}

/** Whether the record at `at` is of a file that has not changed since. */
export function isSame(records: Buffer, at: number, stats: Stats): boolean {
  return (
    records.readDoubleLE(at) === stats.ino &&
    records.readDoubleLE(at + 8) === stats.size &&
    records.readDoubleLE(at + 16) === stats.mtimeMs &&
    records.readDoubleLE(at + 24) === stats.ctimeMs
  )
}

/** Answers where the record ends. */
export function putRecord(records: Buffer, at: number, stats: Stats, line: Uint8Array): number {
  records.writeDoubleLE(stats.ino, at)
  records.writeDoubleLE(stats.size, at + 8)
  records.writeDoubleLE(stats.mtimeMs, at + 16)
  records.writeDoubleLE(stats.ctimeMs, at + 24)
  records.writeUInt32LE(line.length, at + 32)
  records.set(line, at + numbersBytes)
  return at + numbersBytes + line.length
}
