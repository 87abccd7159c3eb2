import { chmod, constants, copyFile, link, mkdir, readdir, readlink, stat, symlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * A second folder with the same files, which is as good as a copy as long as files are only ever replaced, never written
 * into; where the file system has no hard links, copies.
 */
export async function linkTree(from: string, to: string): Promise<void> {
  await mkdir(to, { mode: 0o700 })
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, copy] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) await linkTree(source, copy)
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), copy)
    else await linkOrCopy(source, copy)
  }
  const { mode, atime, mtime } = await stat(from)
  await utimes(to, atime, mtime)
  await chmod(to, mode & 0o7777)
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch {
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
  }
}
