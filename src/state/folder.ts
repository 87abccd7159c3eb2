import { constants } from 'node:fs'
import { mkdir, open, rm, writeFile, type FileHandle } from 'node:fs/promises'
import { endianness } from 'node:os'
import { dirname, join, resolve } from 'node:path'

/*
 * LMDB's own files. Both of the first pages of data.mdb begin with: 16 bytes, flags (16 bits), 6 bytes, magic (32 bits),
 * version (the lower 16 bits), then 20 bytes further the size of a page (32 bits), all in the machine's byte order.
 */
const data = 'data.mdb'
const lock = 'lock.mdb'
const header = { flags: 18, magic: 24, version: 28, pageSize: 48, bytes: 64 }
const expected = { metaFlag: 0x08, magic: 0xbeefc0de, version: 2 }

/**
 * Makes the folder, and makes sure that LMDB can open it: lmdb 3.5.6 ends the whole process with a segmentation fault when
 * it cannot, so whatever may stand in its way is found here. Throws an Error that says what.
 */
export async function prepareFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  const fresh = await withFile(join(folder, data), checkData)
  const unlocked = await withFile(join(folder, lock), isEmpty)
  if (fresh || unlocked) await checkRoom(folder)
  if (process.platform === 'win32') return
  // A new file is only there after a power failure when its folder is on the disk too.
  for (const path of [folder, dirname(resolve(folder))]) await syncFolder(path)
}

/** Whether nothing is in the file yet. */
async function checkData(file: FileHandle): Promise<boolean> {
  if (await isEmpty(file)) return true
  const first = await headerAt(file, 0)
  const pageSize = first.pageSize
  if (!(pageSize >= 256 && pageSize <= 65_536)) throw new Error(`${data} is no LMDB database`)
  await headerAt(file, pageSize)
  return false
}

async function isEmpty(file: FileHandle): Promise<boolean> {
  return (await file.stat()).size === 0
}

async function headerAt(file: FileHandle, position: number): Promise<{ pageSize: number }> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(header.bytes), 0, header.bytes, position)
  const uint32 = (at: number): number => (endianness() === 'LE' ? buffer.readUInt32LE(at) : buffer.readUInt32BE(at))
  const uint16 = (at: number): number => (endianness() === 'LE' ? buffer.readUInt16LE(at) : buffer.readUInt16BE(at))
  if (
    bytesRead < header.bytes ||
    (uint16(header.flags) & expected.metaFlag) === 0 ||
    uint32(header.magic) !== expected.magic
  )
    throw new Error(`${data} is no LMDB database, or it is cut off`)
  const version = uint32(header.version) & 0xffff
  if (version !== expected.version)
    throw new Error(`${data} has format ${version}, and this server reads format ${expected.version}`)
  return { pageSize: uint32(header.pageSize) }
}

async function checkRoom(folder: string): Promise<void> {
  const probe = join(folder, 'room')
  try {
    await writeFile(probe, Buffer.alloc(65_536), { flush: true })
  } finally {
    await rm(probe, { force: true })
  }
}

async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o644)
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

/** What was made, renamed or removed in it is so after a failure of the machine, too. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
